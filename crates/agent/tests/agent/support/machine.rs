//! A machine whose disks are sparse files.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use async_trait::async_trait;
use cupola_agent::{
    BootEntry, Disk, FileDisk, KernelParameters, PasswordHash, Platform, PlatformError, SecureErase,
};
use cupola_api::agent::{BlockDevice, BootMode, Inventory, NetworkInterface};

pub(crate) struct FileMachine {
    pub(crate) directory: PathBuf,
    pub(crate) mac: String,
    pub(crate) disks: Vec<BlockDevice>,
    pub(crate) boot_entries: Mutex<Vec<BootEntry>>,
    pub(crate) lines: Mutex<Vec<String>>,
    pub(crate) passwords: Mutex<Vec<PasswordHash>>,
}

impl FileMachine {
    /// Disks of these sizes in GiB, with the serial numbers `disk0`, `disk1`, ….
    pub(crate) fn new(directory: &Path, mac: &str, gib: &[u64]) -> Self {
        let disks = gib
            .iter()
            .enumerate()
            .map(|(index, gib)| {
                let path = directory.join(format!("disk{index}"));
                File::create(&path).unwrap().set_len(gib << 30).unwrap();
                BlockDevice {
                    name: format!("/dev/disk{index}"),
                    size: gib << 30,
                    serial: Some(format!("disk{index}")),
                    ..BlockDevice::default()
                }
            })
            .collect();
        Self {
            directory: directory.to_owned(),
            mac: mac.to_owned(),
            disks,
            boot_entries: Mutex::default(),
            lines: Mutex::default(),
            passwords: Mutex::default(),
        }
    }

    pub(crate) fn disk_path(&self, index: usize) -> PathBuf {
        self.directory.join(format!("disk{index}"))
    }

    pub(crate) fn disk(&self, index: usize) -> FileDisk {
        FileDisk::open(&self.disk_path(index), 512).unwrap()
    }

    pub(crate) fn read(&self, index: usize, offset: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.disk(index).read_at(offset, &mut bytes).unwrap();
        bytes
    }
}

#[async_trait]
impl Platform for FileMachine {
    fn kernel_parameters(&self) -> KernelParameters {
        KernelParameters::default()
    }

    fn boot_mode(&self) -> BootMode {
        BootMode::Uefi
    }

    async fn inventory(&self) -> Result<Inventory, PlatformError> {
        let interface = NetworkInterface {
            name: "eth0".to_owned(),
            mac_address: self.mac.clone(),
            has_carrier: true,
            ..NetworkInterface::default()
        };
        Ok(Inventory {
            interfaces: vec![interface],
            disks: self.disks.clone(),
            ..Inventory::default()
        })
    }

    async fn block_devices(&self) -> Result<Vec<BlockDevice>, PlatformError> {
        Ok(self.disks.clone())
    }

    async fn open_disk(&self, device: &str) -> Result<Box<dyn Disk>, PlatformError> {
        let path = self.directory.join(device.trim_start_matches("/dev/"));
        let disk = FileDisk::open(&path, 512).map_err(|error| PlatformError::io(device, error))?;
        Ok(Box::new(disk))
    }

    async fn secure_erase(&self, _: &BlockDevice, _: SecureErase) -> Result<bool, PlatformError> {
        Ok(false)
    }

    async fn set_boot_entry(&self, entry: &BootEntry) -> Result<(), PlatformError> {
        self.boot_entries.lock().unwrap().push(entry.clone());
        Ok(())
    }

    async fn logs(&self) -> Vec<(String, Vec<u8>)> {
        vec![("agent.log".to_owned(), b"a line\n".to_vec())]
    }

    async fn sync(&self) -> Result<(), PlatformError> {
        Ok(())
    }

    async fn reboot(&self) -> Result<(), PlatformError> {
        Ok(())
    }

    async fn power_off(&self) -> Result<(), PlatformError> {
        Ok(())
    }

    async fn lockdown(&self) -> Result<(), PlatformError> {
        Ok(())
    }

    async fn rescue(&self, password: &PasswordHash) -> Result<(), PlatformError> {
        self.passwords.lock().unwrap().push(password.clone());
        Ok(())
    }

    fn report(&self, line: &str) {
        self.lines.lock().unwrap().push(line.to_owned());
    }
}
