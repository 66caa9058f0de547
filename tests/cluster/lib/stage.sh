# The folder, servers and processes of one test of the controller, all gone at its end. To be sourced behind check.sh and
# servers.sh: $work, $SERVERS in it, and $pids for what is started. After a failure the end of the controller's log is shown.
work=$(mktemp -d)
SERVERS=$work/servers
mkdir -p "$SERVERS"
pids=
finish() {
    [ "$failed" = 0 ] || tail -n 15 "$work/controller.log"
    for p in $pids; do kill -9 "$p" 2>/dev/null; done
    servers_stop
    rm -rf "$work"
}
trap finish EXIT
