#!/bin/sh
# Replays, command by command, what the HAProxy namespace driver of OpenStack Neutron LBaaS (Juno) does for one load
# balancer: exists/plug/init_l3/route/arping, then haproxy. A Linux bridge instead of Open vSwitch, one gratuitous ARP
# instead of Juno's three, and no sudo or rootwrap in front of each command: all in its favour.
#
#   seed.sh create ID BRIDGE MAC MTU VIP PREFIX_LENGTH GATEWAY MEMBER:PORT DIRECTORY
#   seed.sh delete ID DIRECTORY
set -eu

id=$2
short=$(printf %.11s "$id")
namespace=qlbaas-$id
tap=tap$short
device=ns-$short

create() {
    bridge=$3 mac=$4 mtu=$5 vip=$6 prefix=$7 gateway=$8 member=$9 directory=${10}/$id

    # exists(): a namespace of that name and a socket
    ! ip netns exec "$namespace" ip -o link show lo >/dev/null 2>&1 || exit 1

    # _plug: device_exists, check_bridge_exists, ensure_namespace, add_veth, MAC, MTU, up
    ! ip netns exec "$namespace" ip -o link show "$device" >/dev/null 2>&1 || exit 1
    ip -o link show "$bridge" >/dev/null
    ip -o netns list >/dev/null
    ip netns add "$namespace"
    ip netns exec "$namespace" ip link set lo up
    ip link add "$tap" type veth peer name "$device" netns "$namespace"
    ip link set "$tap" master "$bridge"
    ip netns exec "$namespace" ip link set "$device" address "$mac"
    ip netns exec "$namespace" ip link set "$device" mtu "$mtu"
    ip link set "$tap" mtu "$mtu"
    ip netns exec "$namespace" ip link set "$device" up
    ip link set "$tap" up

    # init_l3, the default gateway, the gratuitous ARP
    ip netns exec "$namespace" ip addr show dev "$device" permanent scope global >/dev/null
    ip netns exec "$namespace" ip -4 addr add "$vip/$prefix" brd + scope global dev "$device"
    ip netns exec "$namespace" ip route list dev "$device" scope link >/dev/null
    ip netns exec "$namespace" route add default gw "$gateway"
    ip netns exec "$namespace" arping -U -I "$device" -c 1 "$vip" >/dev/null

    # _spawn: save_config, haproxy
    mkdir -p "$directory"
    cat >"$directory/conf" <<CONFIG
global
    daemon
    user nobody
    group nogroup
    maxconn 2000
    stats socket $directory/sock mode 0666 level user
defaults
    retries 3
    option redispatch
    timeout connect 5000
    timeout client 50000
    timeout server 50000
frontend vip
    bind $vip:80
    mode http
    option forwardfor
    default_backend pool
backend pool
    mode http
    balance roundrobin
    option forwardfor
    server member $member weight 1
CONFIG
    ip netns exec "$namespace" haproxy -f "$directory/conf" -p "$directory/pid"
}

delete() {
    directory=$3/$id
    [ ! -f "$directory/pid" ] || kill -9 "$(cat "$directory/pid")"
    rm -rf "$directory"
    ip netns delete "$namespace"
}

case $1 in
    create) create "$@" ;;
    delete) delete "$@" ;;
    *) echo "seed.sh: create or delete" >&2; exit 2 ;;
esac
