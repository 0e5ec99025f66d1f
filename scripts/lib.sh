# Shared by the scripts beside it: what they need from the host, and how they get it.

# Packages that a build and the demo need.
BUILD_PACKAGES="gcc libc6-dev ca-certificates ipxe"

# Packages that the tests need besides: foreign peers, databases, machines and images.
TEST_PACKAGES="python3-venv postgresql ipmitool freeipmi-tools openipmi
  qemu-system-x86 qemu-utils ovmf ipxe-qemu mmdebstrap mtools dosfstools e2fsprogs gdisk
  grub-pc-bin grub-efi-amd64-bin grub-efi-amd64-signed shim-signed grub-common xorriso
  busybox cpio zstd xz-utils kmod dnsmasq-base socat iproute2 ethtool curl wrk tmux man-db
  rabbitmq-server openssh-server openssh-client"

say() { printf '\n== %s\n' "$*"; }

die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# missing_packages NAME...: those that are not installed.
missing_packages() {
  for package in "$@"; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || printf ' %s' "$package"
  done
}

# install_packages NAME...: installs what is missing, by Debian's package client. What comes may push out another one
# that is needed, where that is from backports: it is installed then in the version that fits.
install_packages() {
  for round in 1 2 3; do
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || die "these packages are missing and need root to install:$missing"
    say "installing$missing"
    [ "$round" != 1 ] || apt-get update -qq
    # A package's service must not start on a test host: policy-rc.d says no while we install.
    # shellcheck disable=SC2086 # a list of names
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing \
      >/tmp/cupola-apt.log 2>&1 || { tail -n 20 /tmp/cupola-apt.log >&2; die "apt-get failed"; }
  done
  missing=$(missing_packages "$@")
  [ -z "$missing" ] || die "these packages push each other out:$missing"
}

# need_rust: Rust itself comes from rustup; Debian 12's own is too old.
need_rust() {
  command -v cargo >/dev/null 2>&1 || PATH="$HOME/.cargo/bin:$PATH"
  command -v cargo >/dev/null 2>&1 ||
    die "cargo is not there: install Rust 1.95 or later with rustup, then run this again"
  version=$(rustc --version | cut -d' ' -f2)
  printf '1.95.0\n%s\n' "$version" | sort -VC ||
    die "Rust $version is too old: 'rustup update stable' brings 1.95 or later"
}
