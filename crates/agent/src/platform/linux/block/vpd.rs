//! SCSI vital product data (SPC-5, section 7.7): the serial number (page 0x80) and the NAA designator
//! (page 0x83), as the kernel keeps them in sysfs.

use std::path::Path;

use super::super::sys::SysRoot;

/// What identifies a SCSI disk.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) serial: Option<String>,
    pub(super) wwn: Option<Wwn>,
}

/// A world wide name as udev shows it: `0x` and 16 digits, and 16 more where the vendor extends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wwn {
    pub(super) base: String,
    pub(super) extension: Option<String>,
}

impl Wwn {
    pub(super) fn from_hexadecimal(text: &str) -> Option<Self> {
        if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let base = format!("0x{}", text.get(..16)?.to_lowercase());
        let extension = text
            .get(16..32)
            .map(|rest| format!("0x{}", rest.to_lowercase()));
        Some(Self { base, extension })
    }

    pub(super) fn with_extension(&self) -> String {
        let extension = self.extension.as_deref().unwrap_or_default();
        format!("{}{}", self.base, extension.trim_start_matches("0x"))
    }
}

impl Identity {
    pub(super) fn read(root: &SysRoot, device: &Path) -> Self {
        let page = |name: &str| std::fs::read(root.path(device.join(name))).unwrap_or_default();
        Self {
            serial: serial(&page("vpd_pg80")),
            wwn: naa(&page("vpd_pg83")),
        }
    }
}

/// The page's content after its header, as long as it says.
fn content(page: &[u8], code: u8) -> &[u8] {
    if page.get(1) != Some(&code) {
        return &[];
    }
    let length = match page.get(2..4) {
        Some([high, low]) => usize::from(u16::from_be_bytes([*high, *low])),
        Some(_) | None => 0,
    };
    let rest = page.get(4..).unwrap_or_default();
    rest.get(..length.min(rest.len())).unwrap_or_default()
}

fn serial(page: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(content(page, 0x80));
    let text = text.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    (!text.is_empty()).then(|| text.to_owned())
}

/// The first NAA designator of the logical unit.
fn naa(page: &[u8]) -> Option<Wwn> {
    let mut rest = content(page, 0x83);
    while let [_, kind, _, length, tail @ ..] = rest {
        let length = usize::from(*length);
        let body = tail.get(..length)?;
        // Type 3 is NAA; association 0 is the logical unit.
        if kind & 0x0f == 3 && kind & 0x30 == 0 {
            return Wwn::from_hexadecimal(&hex::encode(body));
        }
        rest = tail.get(length..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_pages_of_a_disk_read() {
        assert_eq!(serial(b"\0\x80\0\x08  S123  ").as_deref(), Some("S123"));
        let mut page = vec![0, 0x83, 0, 24];
        page.extend([2, 1, 0, 4, b'a', b'b', b'c', b'd']);
        page.extend([1, 3, 0, 8, 0x50, 0, 0, 0, 0, 0, 0, 0x2a]);
        page.extend([0; 4]);
        let wwn = naa(&page).unwrap();
        assert_eq!(wwn.base, "0x500000000000002a");
        assert_eq!(wwn.with_extension(), wwn.base);
        let long = Wwn::from_hexadecimal("600508b1001c0000111122223333444f").unwrap();
        assert_eq!(long.with_extension(), "0x600508b1001c0000111122223333444f");
    }

    proptest! {
        #[test]
        fn hostile_pages_do_not_panic(mut page in proptest::collection::vec(any::<u8>(), 0..300)) {
            for code in [0x80, 0x83] {
                if let Some(target) = page.get_mut(1) { *target = code; }
                let _ = (serial(&page), naa(&page));
            }
        }
    }
}
