//! Tests of the Linux platform on a made-up root, and once on the machine the tests run on.

use super::*;
use crate::load_option::PartitionSignature;
use std::fs;

fn write(root: &Path, path: &str, contents: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
}

fn made_up() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    write(
        root,
        "proc/cmdline",
        "ipa-api-url=http://10.0.0.1 BOOTIF=01-52-54-00-00-00-01\n",
    );
    write(root, "proc/meminfo", "MemTotal:        2048 kB\n");
    write(
        root,
        "proc/cpuinfo",
        "processor : 0\nphysical id : 0\nflags : a b\nprocessor : 1\n",
    );
    let sda = "sys/devices/pci0000:00/0000:00:05.0/virtio1/host2/target2:0:0/2:0:0:0";
    write(root, &format!("{sda}/block/sda/size"), "20971520\n");
    write(root, &format!("{sda}/block/sda/queue/rotational"), "1\n");
    write(
        root,
        &format!("{sda}/block/sda/queue/logical_block_size"),
        "4096\n",
    );
    write(root, &format!("{sda}/model"), "QEMU HARDDISK   \n");
    write(root, &format!("{sda}/vpd_pg80"), b"\0\x80\0\x04S123");
    write(root, "sys/devices/virtual/block/loop0/size", "100\n");
    write(root, "sys/devices/empty/block/sdb/size", "0\n");
    fs::create_dir_all(root.join("sys/block")).unwrap();
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(root.join(target), root.join("sys/block").join(name)).unwrap();
    };
    link(&format!("{sda}/block/sda"), "sda");
    link("sys/devices/virtual/block/loop0", "loop0");
    link("sys/devices/empty/block/sdb", "sdb");
    let device = root.join(sda);
    std::os::unix::fs::symlink(&device, root.join(sda).join("block/sda/device")).unwrap();
    directory
}

#[tokio::test]
async fn a_made_up_machine_is_read() {
    let directory = made_up();
    let platform = LinuxPlatform::at(directory.path(), LogBuffer::default()).unwrap();
    let inventory = platform.inventory().await.unwrap();
    assert_eq!(inventory.disks.len(), 1);
    let disk = &inventory.disks[0];
    assert_eq!(disk.name, "/dev/sda");
    assert_eq!(disk.size, 10 << 30);
    assert_eq!(disk.serial.as_deref(), Some("S123"));
    assert_eq!(disk.model.as_deref(), Some("QEMU HARDDISK"));
    assert_eq!(disk.hctl.as_deref(), Some("2:0:0:0"));
    assert_eq!(disk.logical_sectors, Some(4096));
    assert!(disk.rotational);
    assert_eq!(inventory.cpu.count, 2);
    assert_eq!(inventory.memory.total, Some(2048 * 1024));
    assert_eq!(inventory.boot.current_boot_mode.as_deref(), Some("bios"));
    assert_eq!(
        inventory.boot.pxe_interface.as_deref(),
        Some("01-52-54-00-00-00-01")
    );
}

#[tokio::test]
async fn a_boot_entry_goes_first_and_is_made_once() {
    let directory = made_up();
    let vars = "sys/firmware/efi/efivars";
    let global = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
    write(
        directory.path(),
        &format!("{vars}/BootOrder-{global}"),
        [7, 0, 0, 0, 0, 0],
    );
    write(
        directory.path(),
        &format!("{vars}/Boot0000-{global}"),
        [7, 0, 0, 0, 1, 2, 3],
    );
    let platform = LinuxPlatform::at(directory.path(), LogBuffer::default()).unwrap();
    assert_eq!(platform.boot_mode(), BootMode::Uefi);
    let entry = BootEntry {
        description: "debian".to_owned(),
        device: "/dev/sda".to_owned(),
        partition_number: 1,
        start_sector: 2048,
        sectors: 4096,
        signature: PartitionSignature::Mbr(1),
        path: "\\EFI\\debian\\shimx64.efi".to_owned(),
    };
    for _ in 0..2 {
        platform.set_boot_entry(&entry).await.unwrap();
        let order = fs::read(directory.path().join(format!("{vars}/BootOrder-{global}"))).unwrap();
        assert_eq!(order, [7, 0, 0, 0, 1, 0, 0, 0]);
    }
    let made = fs::read(directory.path().join(format!("{vars}/Boot0001-{global}"))).unwrap();
    assert_eq!(made[4..], entry.to_load_option());
    assert!(
        !directory
            .path()
            .join(format!("{vars}/Boot0002-{global}"))
            .exists()
    );
}

#[tokio::test]
async fn this_machine_is_read() {
    let platform = LinuxPlatform::new(LogBuffer::default()).unwrap();
    let inventory = platform.inventory().await.unwrap();
    assert!(inventory.cpu.count > 0);
    assert!(inventory.memory.total.unwrap() > 0);
}

#[tokio::test]
async fn a_rescue_opens_the_accounts_to_its_password_only() {
    let directory = made_up();
    let platform = LinuxPlatform::at(directory.path(), LogBuffer::default()).unwrap();
    let params = serde_json::json!({"rescue_password": "$5$s$h", "hashed": true});
    let password = crate::rescue::password(params.as_object().unwrap().clone()).unwrap();
    platform.rescue(&password).await.unwrap();
    let shadow = directory.path().join("etc/shadow");
    assert_eq!(
        fs::read_to_string(&shadow).unwrap(),
        "root:$5$s$h:::::::\nrescue:$5$s$h:::::::\n"
    );
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&shadow).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert!(directory.path().join("etc/.rescued").exists());
}

#[tokio::test]
async fn a_lockdown_takes_hardware_interfaces_down() {
    let directory = made_up();
    let net = "sys/class/net";
    write(directory.path(), &format!("{net}/eth0/flags"), "0x1003\n");
    write(directory.path(), &format!("{net}/eth0/device/vendor"), "x");
    write(directory.path(), &format!("{net}/lo/flags"), "0x9\n");
    let platform = LinuxPlatform::at(directory.path(), LogBuffer::default()).unwrap();
    platform.lockdown().await.unwrap();
    let flags = |name: &str| {
        fs::read_to_string(directory.path().join(format!("{net}/{name}/flags"))).unwrap()
    };
    assert_eq!(
        (flags("eth0").as_str(), flags("lo").as_str()),
        ("0x1002", "0x9\n")
    );
}
