#!/bin/bash
# Stands for systemctl where no systemd runs: starts what the unit says, as the user that it says.
log() { echo "systemctl (stand-in): $*" >&2; }
started() { [ -f "/run/stand-in.$1" ]; }
stop() { started "$1" && kill "$(cat "/run/stand-in.$1")" 2>/dev/null && rm "/run/stand-in.$1"; sleep 1; }
start() {
    if [ "$1" = pitboard ]; then
        unit=/etc/systemd/system/pitboard.service
        install -d -o pitboard -g pitboard -m 700 /var/lib/pitboard
        install -d -o pitboard -g pitboard -m 750 /run/pitboard
        mapfile -t given < <(sed -n 's/^Environment=//p' "$unit"; sed "/^#/d; s/='\(.*\)'$/=\1/" "$(sed -n 's/^EnvironmentFile=//p' "$unit")")
        command=$(sed -n 's/^ExecStart=//p' "$unit")
        # shellcheck disable=SC2086
        env -i PATH=/usr/bin:/bin "${given[@]}" setpriv --reuid pitboard --regid pitboard --init-groups \
            --no-new-privs --bounding-set=-all bash -c "umask 077; exec $command" >/var/log/stand-in.pitboard 2>&1 &
    elif [ "$1" = caddy ]; then
        install -d -o caddy -g caddy /var/lib/caddy
        env -i PATH=/usr/bin:/bin HOME=/var/lib/caddy setpriv --reuid caddy --regid caddy --init-groups \
            --inh-caps=+net_bind_service --ambient-caps=+net_bind_service \
            caddy run --config /etc/caddy/Caddyfile >/var/log/stand-in.caddy 2>&1 &
    else
        "$1" -g 'daemon off;' >/var/log/stand-in."$1" 2>&1 &
    fi
    echo $! >"/run/stand-in.$1"
    sleep 3
    kill -0 $! || { cat "/var/log/stand-in.$1" >&2; exit 1; }
}
case "$*" in
    daemon-reload) ;;
    "enable --now "*) start "$3" ;;
    "disable --now "*) stop "$3" ;;
    "restart "*) stop "$2"; start "$2" ;;
    *) log "unknown: $*"; exit 1 ;;
esac
