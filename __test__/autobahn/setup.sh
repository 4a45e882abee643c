#!/bin/sh
# Makes the Autobahn test suite, which needs Python 2.7, in a folder of its own:
#
#   sh setup.sh FOLDER
#
# Nothing is installed outside FOLDER. The interpreter comes from packages of Debian 11 that are only unpacked, the
# rest from PyPI. Needs apt-get, dpkg and its keyring, python3 with pip, and the network; with a C compiler the
# suite is faster. DEBIAN_MIRROR names an archive that holds bullseye, by default the one apt is set up with.
# Afterwards FOLDER/wstest is the suite.
set -eu
folder=${1:?usage: setup.sh FOLDER}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
if [ -x "$folder/wstest" ] && "$folder/wstest" -a >/dev/null 2>&1; then exit 0; fi

configured() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb (\[[^]]*\] )?([a-z]+:[^ ]+) .*/\2/p' | grep -v security | head -n 1
}
mirror=${DEBIAN_MIRROR:-$(configured)}
# A machine with another system than Debian has another archive there.
case $mirror in *debian*) ;; *) mirror=http://deb.debian.org/debian ;; esac

mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial" "$folder/apt/debs"
cd "$folder/apt"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bullseye main" > sources.list
options="-o Dir::Etc::sourcelist=$PWD/sources.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$PWD/lists
  -o Dir::Cache=$PWD/cache -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User="
apt-get -q $options update >/dev/null
(cd debs && apt-get -q $options download python2.7-minimal libpython2.7-minimal libpython2.7-stdlib python2.7 \
  libssl1.1 libffi7 libpython2.7-dev >/dev/null)
for package in debs/*.deb; do dpkg -x "$package" "$folder/tree"; done
cd "$folder"

cat > environment.sh <<'END'
LD_LIBRARY_PATH=$(echo "$here"/tree/usr/lib/*-linux-gnu)${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
PYTHONHOME=$here/tree/usr PYTHONPATH=$here/site PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=ignore
export LD_LIBRARY_PATH PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE PYTHONWARNINGS
END
cat > wstest.py <<'END'
import os, site, sys
site.addsitedir(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'site'))
sys.argv[0] = 'wstest'
from autobahntestsuite.wstest import run
run()
END

python3 -m pip -q --disable-pip-version-check download --no-deps pip==20.3.4 -d wheels
python3 -m zipfile -e wheels/pip-20.3.4-py2.py3-none-any.whl pip
install() (
  here=$folder
  . "$folder/environment.sh"
  PYTHONPATH=$folder/pip:$folder/site
  "$folder/tree/usr/bin/python2.7" -m pip -q install --no-deps --no-build-isolation --target "$folder/site" "$@"
)
install setuptools==44.1.1 wheel==0.37.1
install six==1.16.0 txaio==2.1.0 autobahn==0.10.9 Twisted==20.3.0 zope.interface==5.5.2 constantly==15.1.0 \
  incremental==21.3.0 Automat==20.2.0 attrs==21.4.0 hyperlink==21.0.0 idna==2.10 typing==3.10.0.0 \
  PyHamcrest==1.10.1 MarkupSafe==1.1.1 Jinja2==2.11.3 Werkzeug==1.0.1 klein==17.10.0 cffi==1.15.1 \
  pycparser==2.21 enum34==1.1.10 ipaddress==1.0.23 cryptography==3.3.2 pyOpenSSL==19.1.0 \
  service_identity==18.1.0 pyasn1==0.5.1 pyasn1-modules==0.3.0 functools32==3.2.3.post2 \
  unittest2==1.1.0 linecache2==1.0.0 traceback2==1.4.0 argparse==1.4.0 \
  ws4py==0.5.1 websocket-client==0.59.0 autobahntestsuite==25.10.1
# Speeds up the suite's own masking and UTF-8 checks.
(CFLAGS="-I$folder/tree/usr/include/python2.7 -I$folder/tree/usr/include" install wsaccel==0.6.2) >/dev/null 2>&1 ||
  echo 'wsaccel was not built: the suite is slower'

# Last, as this is what says that all is there.
cat > wstest <<'END'
#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/environment.sh"
exec "$here/tree/usr/bin/python2.7" -u "$here/wstest.py" "$@"
END
chmod +x wstest
./wstest -a >/dev/null
