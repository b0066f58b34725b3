#!/bin/sh
# Copy to /usr/local/bin/pitboard. Runs Pitboard's commands as the unit runs the server: as its user, with its settings.
set -a
. /etc/pitboard.env
PITBOARD_DB=/var/lib/pitboard/pitboard.sqlite3
PITBOARD_HOST=unix:/run/pitboard/pitboard.sock
PYTHON_KEYRING_BACKEND=keyring.backends.fail.Keyring
HOME=/var/lib/pitboard
exec runuser -u pitboard -- /opt/pitboard/bin/pitboard "$@"
