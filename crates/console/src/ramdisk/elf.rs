//! The two facts that the build needs from ELF files: a section's bytes and the interpreter.
//!
//! 64-bit little-endian files only (every kernel this build knows); System V ABI, chapter 4 and 5.

/// An ELF file in memory; every access is checked against the file's end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elf<'a> {
    bytes: &'a [u8],
}

/// `PT_INTERP`: the segment that names the program interpreter.
const SEGMENT_INTERPRETER: u32 = 3;

impl<'a> Elf<'a> {
    /// Takes `bytes` as an ELF file; `None` if they are not one of the supported kind.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let identification = bytes.get(..6)?;
        (identification == [0x7f, b'E', b'L', b'F', 2, 1]).then_some(Self { bytes })
    }

    /// The bytes of the section with this name.
    pub(super) fn section(&self, name: &str) -> Option<&'a [u8]> {
        let table = self.offset(0x28)?;
        let entry_size = usize::from(self.u16(0x3a)?);
        let count = usize::from(self.u16(0x3c)?);
        let header = |index: usize| table.checked_add(index.checked_mul(entry_size)?);
        let names = self.content(header(usize::from(self.u16(0x3e)?))?)?;
        (0..count).filter_map(header).find_map(|at| {
            let start = usize::try_from(self.u32(at)?).ok()?;
            let text = names.get(start..)?.split(|byte| *byte == 0).next()?;
            if text == name.as_bytes() {
                self.content(at)
            } else {
                None
            }
        })
    }

    /// The dynamic loader that runs this file; `None` for a static one.
    pub(super) fn interpreter(&self) -> Option<String> {
        let table = self.offset(0x20)?;
        let entry_size = usize::from(self.u16(0x36)?);
        let count = usize::from(self.u16(0x38)?);
        (0..count).find_map(|index| {
            let at = table.checked_add(index.checked_mul(entry_size)?)?;
            if self.u32(at)? != SEGMENT_INTERPRETER {
                return None;
            }
            let start = self.offset(at.checked_add(0x08)?)?;
            let length = self.offset(at.checked_add(0x20)?)?;
            let text = self.bytes.get(start..start.checked_add(length)?)?;
            let text = text.strip_suffix(&[0]).unwrap_or(text);
            String::from_utf8(text.to_vec()).ok()
        })
    }

    fn content(&self, header: usize) -> Option<&'a [u8]> {
        let start = self.offset(header.checked_add(0x18)?)?;
        let length = self.offset(header.checked_add(0x20)?)?;
        self.bytes.get(start..start.checked_add(length)?)
    }

    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    fn u16(&self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u32(&self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    fn offset(&self, at: usize) -> Option<usize> {
        self.array(at)
            .map(u64::from_le_bytes)
            .and_then(|value| usize::try_from(value).ok())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_test_binary_itself_is_read() {
        let bytes = std::fs::read("/proc/self/exe").unwrap();
        let elf = Elf::parse(&bytes).unwrap();
        assert!(
            elf.interpreter()
                .is_some_and(|path| path.contains("ld-linux"))
        );
        assert!(elf.section(".text").is_some_and(|text| !text.is_empty()));
        assert_eq!(elf.section(".modinfo"), None);
    }

    proptest! {
        #[test]
        fn damaged_files_never_panic(
            damage in prop::collection::vec((0_usize..4096, any::<u8>()), 0..64),
            keep in 0_usize..4096,
        ) {
            let mut bytes = std::fs::read("/proc/self/exe").unwrap();
            bytes.truncate(4096);
            for (at, value) in damage {
                if at > 5 { bytes[at] = value; }
            }
            bytes.truncate(keep.max(6));
            if let Some(elf) = Elf::parse(&bytes) {
                let _ = elf.section(".modinfo");
                let _ = elf.interpreter();
            }
        }
    }
}
