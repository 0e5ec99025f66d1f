#!/bin/busybox sh
# The first process of Cupola's deploy ramdisk: mounts what the agent needs, loads the drivers of
# this machine, brings up the network the machine booted from and runs the agent. It makes no
# decision about the machine: that is the agent's work.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=linux

/bin/busybox mkdir -p /proc /sys /dev /run /tmp /root /sbin /mnt
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox --install -s /bin
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=0755 tmpfs /run
ln -sf /proc/self/fd /dev/fd
hostname cupola

kernel_parameter() {
  for word in $(cat /proc/cmdline); do
    case $word in "$1="*) echo "${word#*=}"; return 0;; "$1") return 0;; esac
  done
  return 1
}

say() { read -r uptime _ </proc/uptime; echo "cupola ramdisk [$uptime] $*"; }

# Userland writes to the last console= only; a technician may look at any of them.
show_on_every_console() {
  set --
  for name in $(cat /sys/class/tty/console/active); do
    [ -c "/dev/$name" ] && set -- "$@" "/dev/$name"
  done
  [ $# -gt 1 ] || return 0
  mkfifo /run/console
  tee "$@" </run/console >/dev/null 2>&1 &
  exec >/run/console 2>&1
}

fail() {
  echo
  echo "*** Cupola's deploy ramdisk cannot go on: $1"
  echo "*** What to do: $2"
  echo "*** This machine restarts in 60 seconds. Press Enter on its console for a shell instead."
  if read -r -t 60 _ </dev/console; then
    setsid cttyhack sh </dev/console >/dev/console 2>&1
  fi
  sync
  reboot -f
}

# Buses appear behind buses (PCI, then virtio, then SCSI): go on until a pass finds no new device.
load_drivers() {
  known=0
  for pass in 1 2 3 4 5; do
    find /sys/devices -name modalias -exec cat {} + 2>/dev/null | sort -u >/run/modaliases
    found=$(wc -l </run/modaliases)
    [ "$found" -gt "$known" ] || break
    known=$found
    xargs modprobe -a -q -b </run/modaliases 2>/dev/null
  done
  xargs modprobe -a -q </etc/cupola/modules 2>/dev/null
  [ -d /sys/firmware/efi ] && mount -t efivarfs efivarfs /sys/firmware/efi/efivars 2>/dev/null
  return 0
}

# The kernel scans disks in the background; the agent must not take a list that is still growing.
wait_for_disks() {
  waited=0
  while [ $waited -lt 50 ]; do
    ls /sys/block | grep -qv -e '^loop' -e '^ram' -e '^sr' -e '^fd' && break
    usleep 100000
    waited=$((waited + 1))
  done
}

boot_interface() {
  wanted=$(kernel_parameter BOOTIF | tr 'A-Z-' 'a-z:')
  case $wanted in ??:??:??:??:??:??:??) wanted=${wanted#*:};; esac
  for path in /sys/class/net/*; do
    name=${path##*/}
    [ "$name" != lo ] && [ -e "$path/device" ] || continue
    if [ -z "$wanted" ] || [ "$(cat "$path/address")" = "$wanted" ]; then echo "$name"; fi
  done
}

bring_up_network() {
  ip link set lo up
  interfaces=$(boot_interface)
  for interface in $interfaces; do ip link set "$interface" up; done
  for attempt in 1 2 3; do
    for interface in $interfaces; do
      if udhcpc -i "$interface" -n -q -t 8 -T 2 -A 1 -s /etc/udhcpc/script >/dev/null 2>&1; then
        udhcpc -i "$interface" -b -S -s /etc/udhcpc/script >/dev/null 2>&1 &
        say "network $interface $(cat "/sys/class/net/$interface/address") $(ip -4 -o addr show dev "$interface" | awk '{print $4}')"
        return 0
      fi
    done
    [ -n "$interfaces" ] || return 1
  done
  return 1
}

# The agent has set the password and closed its API: the machine is whoever's who logs in.
rescue() {
  for path in /sys/class/net/*; do
    name=${path##*/}
    [ "$name" != lo ] && [ -e "$path/device" ] || continue
    [ -n "$(ip -4 -o addr show dev "$name")" ] && continue
    ip link set "$name" up
    udhcpc -i "$name" -b -S -s /etc/udhcpc/script >/dev/null 2>&1 &
  done
  say "rescue: log in as root or rescue with the password given to the rescue"
  for name in $(cat /sys/class/tty/console/active); do
    while [ -c "/dev/$name" ]; do setsid getty -L 0 "$name" vt100; sleep 1; done &
  done
  wait
  while :; do sleep 3600; done
}

# The most memory that the agent has held, whenever that has grown.
watch_agent_memory() {
  until pid=$(pidof cupola-agent); do usleep 100000; done
  peak=0
  while now=$(awk '/^VmHWM:/ { print $2 }' "/proc/$pid/status" 2>/dev/null) && [ -n "$now" ]; do
    if [ "$now" -gt "$peak" ]; then
      peak=$now
      say "agent peak memory $peak KiB"
    fi
    usleep 200000
  done
}

show_on_every_console
say "kernel $(uname -r)"
load_drivers
wait_for_disks
if ! bring_up_network; then
  if [ -z "$interfaces" ]; then
    fail "no network interface has the address of BOOTIF=$(kernel_parameter BOOTIF)" \
      "build the ramdisk with --kernel generic, which has the drivers of physical network cards."
  else
    fail "no DHCP answer on $interfaces" \
      "check the cable and that the DHCP server of the provisioning network answers this machine."
  fi
fi
if kernel_parameter cupola.shell >/dev/null; then
  say "shell asked for by cupola.shell"
  setsid cttyhack sh </dev/console >/dev/console 2>&1
fi
kernel_parameter cupola.memory >/dev/null && watch_agent_memory &
say "starting the agent"
/usr/bin/cupola-agent
if [ -e /etc/.rescued ]; then rescue; fi
fail "the agent ended with status $?" "read its last lines above; the conductor's timeline of this node says how far it came."
