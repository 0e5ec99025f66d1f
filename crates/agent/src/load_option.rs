//! A boot entry of the firmware as bytes: `EFI_LOAD_OPTION` (UEFI specification 2.10, section 3.1.3) with
//! a hard-drive and a file-path device path node (10.3.5.1, 10.3.5.4). Where it is stored is the
//! platform's business.

use crate::partition::Guid;

/// A loader on a partition, for the firmware's boot menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootEntry {
    /// What the menu shows.
    pub description: String,
    /// The disk's device file, for tools that want it.
    pub device: String,
    /// The partition's number, from 1.
    pub partition_number: u32,
    /// Its first sector.
    pub start_sector: u64,
    /// Its length in sectors.
    pub sectors: u64,
    /// What tells the partition from all others.
    pub signature: PartitionSignature,
    /// The loader, with backslashes, from the root of the file system.
    pub path: String,
}

/// What tells a partition from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionSignature {
    /// GPT: the partition's GUID.
    Guid(Guid),
    /// MBR: the disk's signature.
    Mbr(u32),
}

const LOAD_OPTION_ACTIVE: u32 = 1;
const MEDIA_DEVICE_PATH: u8 = 4;
const HARD_DRIVE: u8 = 1;
const FILE_PATH: u8 = 4;
const END: [u8; 4] = [0x7f, 0xff, 4, 0];

impl BootEntry {
    /// The bytes of the variable `Boot####`, without attributes.
    pub fn to_load_option(&self) -> Vec<u8> {
        let mut path = self.hard_drive_node();
        path.extend(node(FILE_PATH, &utf16(&self.path)));
        path.extend(END);

        let mut option = Vec::new();
        option.extend(LOAD_OPTION_ACTIVE.to_le_bytes());
        option.extend(u16::try_from(path.len()).unwrap_or(u16::MAX).to_le_bytes());
        option.extend(utf16(&self.description));
        option.extend(path);
        option
    }

    fn hard_drive_node(&self) -> Vec<u8> {
        let (signature, format, kind) = match self.signature {
            PartitionSignature::Guid(Guid(guid)) => (guid, 2, 2),
            PartitionSignature::Mbr(mbr) => {
                let mut signature = [0; 16];
                crate::partition::bytes::put(&mut signature, 0, &mbr.to_le_bytes());
                (signature, 1, 1)
            }
        };
        let mut body = Vec::new();
        body.extend(self.partition_number.to_le_bytes());
        body.extend(self.start_sector.to_le_bytes());
        body.extend(self.sectors.to_le_bytes());
        body.extend(signature);
        body.extend([format, kind]);
        node(HARD_DRIVE, &body)
    }
}

fn node(subtype: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 4).unwrap_or(u16::MAX);
    let mut node = vec![MEDIA_DEVICE_PATH, subtype];
    node.extend(length.to_le_bytes());
    node.extend(body);
    node
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16()
        .chain([0])
        .flat_map(u16::to_le_bytes)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let entry = BootEntry {
            description: "d".to_owned(),
            device: "/dev/sda".to_owned(),
            partition_number: 2,
            start_sector: 0x800,
            sectors: 0x1000,
            signature: PartitionSignature::Guid(Guid([0xab; 16])),
            path: "\\E".to_owned(),
        };
        let mut want = vec![1, 0, 0, 0];
        want.extend([42 + 10 + 4, 0]);
        want.extend([b'd', 0, 0, 0]);
        want.extend([
            4, 1, 42, 0, 2, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0,
        ]);
        want.extend([0xab; 16]);
        want.extend([2, 2]);
        want.extend([4, 4, 10, 0, b'\\', 0, b'E', 0, 0, 0]);
        want.extend([0x7f, 0xff, 4, 0]);
        assert_eq!(entry.to_load_option(), want);
    }
}
