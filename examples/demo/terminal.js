'use strict';

// The demo's client: joins the chat, prints what it says and hears, and sends the lines typed at a terminal.

const readline = require('node:readline');
const { Client } = require('../..');

/**
 * Joins the chat and greets everyone.
 *
 * @param {string} url of the demo server
 * @returns {() => void} leaves the chat
 */
function joinFromTerminal(url) {
  const ws = new Client(url, ['chat']);
  const typed = process.stdin.isTTY ? readline.createInterface({ input: process.stdin }) : undefined;

  function say(text) {
    console.log(`[terminal] says   ${text}`);
    ws.send(text);
  }

  ws.on('open', () => {
    console.log(`[terminal] joined ${ws.url} (version ${ws.version}, protocol ${ws.protocol || 'none'})`);
    say('Hello from the terminal');
    if (typed) console.log('[terminal] type a line and press Enter to send it');
  });
  ws.on('message', ({ data }) => {
    const news = JSON.parse(data);
    for (const { name, text } of news.messages || []) console.log(`[terminal] heard  ${name}: ${text}`);
    if (news.kind === 'said') console.log(`[terminal] hears  ${news.name}: ${news.text}`);
    else if (news.kind !== 'earlier') console.log(`[terminal] sees   ${news.name} ${news.kind} (${news.people} here)`);
  });
  ws.on('error', ({ message }) => console.error(`[terminal] error  ${message}`));
  ws.on('close', ({ code, reason }) => {
    console.log(`[terminal] left   (${code}${reason ? ` ${reason}` : ''})`);
    if (typed) typed.close();
  });

  if (typed) {
    typed.on('line', (line) => line && say(line));
    typed.on('SIGINT', () => process.emit('SIGINT'));
  }
  return () => ws.close(1000, 'Good bye');
}

module.exports = { joinFromTerminal };
