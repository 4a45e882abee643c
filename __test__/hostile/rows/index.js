'use strict';

// Every row of the table, in the order of their numbers. A row is an object with
//
//   row       its number
//   title     what is sent
//   ids       names under which others had the fault
//   roles     the sides that it concerns; both when it is absent
//   ways      how it is cut, of `WAYS`; all when it is absent
//   growth    MiB by which the resident memory of the process may grow meanwhile
//   play      (stage) => results

const rows = [
  ...require('./requests'), ...require('./responses'), ...require('./frames'), ...require('./messages'),
  ...require('./deflate'), ...require('./ends'), ...require('./callers'),
];

const number = ({ row }) => (/^\d+$/.test(row) ? Number(row) : 100);

module.exports = rows.sort((a, b) => number(a) - number(b));
