#!/bin/busybox sh
# What udhcpc runs in the deploy ramdisk when a lease comes, changes or goes.
case $1 in
  deconfig)
    ip link set "$interface" up
    ;;
  bound | renew)
    [ -n "$mtu" ] && ip link set "$interface" mtu "$mtu" 2>/dev/null
    ip addr replace "$ip/${mask:-24}" ${broadcast:+broadcast "$broadcast"} dev "$interface"
    for gateway in $router; do
      ip route replace default via "$gateway" dev "$interface"
      break
    done
    : >/etc/resolv.conf
    [ -n "$domain" ] && echo "search $domain" >>/etc/resolv.conf
    for server in $dns; do echo "nameserver $server" >>/etc/resolv.conf; done
    ;;
esac
exit 0
