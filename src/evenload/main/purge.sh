# What an installation of Evenload made on this host: found, and taken away. For sh, with nothing but what every Debian has:
# `evenload purge` runs it (main/purge.py), and the Debian package's postrm carries a copy, which runs when the program is
# gone. iproute2 and Open vSwitch are asked where they are there.
#
# A load balancer is ours by its directory in our state directory, or by a HAProxy whose command line names a pid file in
# there; a bridge by the mark that the agent left on it. Nothing else is touched, whatever its name: of a load balancer that
# another installation serves (a backup was tried beside the service), namespace and devices are that one's.
#
# Every function but the small ones takes STATE_PATH RUN_PATH NETNS_DIR; purge_db says where Open vSwitch's database is.

# purge_processes: "PID LOAD_BALANCER" for each HAProxy; "-" where it waits for its first load balancer.
purge_processes() {
    for purge_file in $(grep -lsF "$1/load_balancers/" /proc/[0-9]*/cmdline || true); do
        purge_dir=${purge_file%/cmdline}
        purge_words=$(tr '\0' ' ' 2>/dev/null <"$purge_file") || continue
        case $purge_words in
            *" -D -f "*" -p $1/load_balancers/"*/haproxy-*.pid\ *) ;;
            *) continue ;;
        esac
        # Not in a container: it has one pid, and our mounts or our empty root.
        [ "$(sed -n 's/^NSpid://p' "$purge_dir/status" 2>/dev/null | wc -w)" = 1 ] || continue
        [ "$(readlink "$purge_dir/ns/mnt")" = "$(readlink /proc/self/ns/mnt)" ] || [ "$purge_dir/root" -ef "$1/empty" ] ||
            continue
        purge_of=${purge_words#*" -p $1/load_balancers/"}
        purge_of=${purge_of%%/*}
        case $purge_of in
            spare-*) purge_of=$(readlink "$1/load_balancers/$purge_of" 2>/dev/null) || purge_of=- ;;
        esac
        if [ "$purge_of" = spare ]; then purge_of=-; fi
        echo "${purge_dir#/proc/} $purge_of"
    done
}

# purge_balancers: the ids of all of them.
purge_balancers() {
    {
        ls "$1/load_balancers" 2>/dev/null || true
        purge_processes "$@" | cut -d ' ' -f 2
    } | grep -Ex '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' | sort -u || true
}

purge_is_namespace() {
    [ -e "$1" ] && [ "$(stat -f -c %T "$1")" = nsfs ] && ! [ "$1" -ef /proc/self/ns/net ]
}

# purge_is_anothers STATE_PATH NAMESPACE: whether another installation's HAProxy is in there.
purge_is_anothers() {
    for purge_file in $(grep -lsF "/load_balancers/" /proc/[0-9]*/cmdline || true); do
        [ "${purge_file%cmdline}ns/net" -ef "$2" ] || continue
        purge_words=$(tr '\0' ' ' 2>/dev/null <"$purge_file") || continue
        case $purge_words in
            *" -p $1/load_balancers/"*) ;;
            *" -p "*/load_balancers/*/haproxy-*.pid\ *) return 0 ;;
        esac
    done
    return 1
}

# purge_bridges: "KIND BRIDGE" for those that the agent made. Needs ip, ovs-vsctl.
purge_bridges() {
    if command -v ip >/dev/null; then
        ip -o link show type bridge | while IFS= read -r purge_line; do
            # No pattern: what "." or "[" in our path would stand for is another installation's.
            case $purge_line in
                *"    alias evenload $1")
                    purge_line=${purge_line#*: }
                    echo "linux ${purge_line%%[:@]*}"
                    ;;
            esac
        done
    fi
    purge_ovs --columns=name find Bridge "external_ids:made-by=\"evenload $1\"" | sed 's/^/ovs /'
}

# purge_ovs WORD…: what Open vSwitch's database says, one value a line; nothing where there is none.
purge_ovs() {
    if command -v ovs-vsctl >/dev/null; then
        ovs-vsctl ${purge_db:+"--db=$purge_db"} --timeout=5 --bare "$@" 2>/dev/null | grep . || true
    fi
}

# purge_ports_of KIND BRIDGE
purge_ports_of() {
    case $1 in
        linux) ip -o link show master "$2" | sed 's/^[0-9]*: \([^:@]*\)[:@].*/\1/' ;;
        ovs) purge_ovs list-ports "$2" ;;
    esac
}

# purge_taps STATE_PATH LOAD_BALANCER: the device outside, by the port's id in the document that was applied last.
purge_taps() {
    sed -n 's/.*"port":{"id":"\([0-9a-f-]\{11\}\).*/tap\1/p' "$1/load_balancers/$2/desired.json" 2>/dev/null || true
}

# purge_list: what there is, a line each.
purge_list() {
    purge_found=$(purge_processes "$@")
    purge_taps_ours=
    for purge_id in $(purge_balancers "$@"); do
        purge_n=$(echo "$purge_found" | grep -c " $purge_id\$") || true
        purge_line="load balancer $purge_id: HAProxy processes: $purge_n"
        if purge_is_namespace "$3/qlbaas-$purge_id"; then
            if purge_is_anothers "$1" "$3/qlbaas-$purge_id"; then
                echo "$purge_line (not the namespace qlbaas-$purge_id, which another installation uses)"
                continue
            fi
            purge_line="$purge_line, namespace qlbaas-$purge_id"
        fi
        for purge_tap in $(purge_taps "$1" "$purge_id"); do
            purge_line="$purge_line, device $purge_tap"
            purge_taps_ours="$purge_taps_ours $purge_tap"
        done
        echo "$purge_line"
    done
    purge_bridges "$@" | while read -r purge_kind purge_bridge; do
        purge_others=
        for purge_port in $(purge_ports_of "$purge_kind" "$purge_bridge"); do
            case " $purge_taps_ours " in
                *" $purge_port "*) ;;
                *) purge_others="$purge_others $purge_port" ;;
            esac
        done
        if [ -z "$purge_others" ]; then
            echo "bridge $purge_bridge"
        else
            echo "(not the bridge $purge_bridge, where others are:$purge_others)"
        fi
    done
    for purge_path in "$1" "$2"; do
        if [ -d "$purge_path" ]; then echo "what Evenload keeps in $purge_path"; fi
    done
}

# purge_all STATE_PATH RUN_PATH NETNS_DIR [keep-database]: to be called while no server and no agent runs.
purge_all() {
    purge_ids=$(purge_balancers "$@")
    purge_made=$(purge_bridges "$@")
    purge_devices=
    purge_spared=
    for purge_id in $purge_ids; do
        if purge_is_anothers "$1" "$3/qlbaas-$purge_id"; then
            purge_spared="$purge_spared $purge_id"
            continue
        fi
        purge_devices="$purge_devices $(purge_taps "$1" "$purge_id")"
        for purge_port in $(purge_ovs --columns=name find Interface "external_ids:vm-id=$purge_id"); do
            ovs-vsctl ${purge_db:+"--db=$purge_db"} --timeout=5 --if-exists del-port "$purge_port"
        done
    done
    purge_processes "$@" | while read -r purge_pid purge_id; do kill -9 "$purge_pid" 2>/dev/null || true; done
    for purge_id in $purge_ids; do
        case " $purge_spared " in *" $purge_id "*) continue ;; esac
        purge_name=$3/qlbaas-$purge_id
        if purge_is_namespace "$purge_name"; then
            while purge_is_namespace "$purge_name"; do umount -l "$purge_name" || break; done
            rm -f "$purge_name"
        fi
    done
    if command -v ip >/dev/null; then
        for purge_tap in $purge_devices; do
            # The kernel may be about to remove it with its namespace.
            ip link delete "$purge_tap" 2>/dev/null || true
        done
    fi
    echo "$purge_made" | while read -r purge_kind purge_bridge; do
        if [ -z "$purge_bridge" ]; then continue; fi
        if [ -n "$(purge_ports_of "$purge_kind" "$purge_bridge")" ]; then
            echo "The bridge $purge_bridge stays: others are on it."
        elif [ "$purge_kind" = linux ]; then
            ip link delete "$purge_bridge"
        else
            ovs-vsctl ${purge_db:+"--db=$purge_db"} --timeout=5 --if-exists del-br "$purge_bridge"
        fi
    done
    purge_files "$@"
}

purge_files() {
    if [ -d "$2" ]; then
        for purge_name in server.sock agent.sock look.sock; do rm -f "$2/$purge_name" "$2/$purge_name.lock"; done
        rmdir "$2" 2>/dev/null || true
    fi
    [ -d "$1" ] || return 0
    rm -rf "$1/load_balancers" "$1/empty" "$1/run"
    rm -f "$1/agent" "$1/agent.new" "$1/database" "$1/database.new" "$1/adopt-database" "$1/lock" "$1/purge.places"
    if [ "${4:-}" != keep-database ]; then
        rm -rf "$1/server"
        rm -f "$1/secrets.key" "$1/evenload.sqlite" "$1/evenload.sqlite-wal" "$1/evenload.sqlite-shm"
    fi
    rmdir "$1" 2>/dev/null || true
}
