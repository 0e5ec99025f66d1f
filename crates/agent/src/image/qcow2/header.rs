//! The qcow2 header: what the file claims to be, and which of that is acceptable.

use super::Qcow2Error;

/// The first four bytes.
pub(in crate::image) const MAGIC: &[u8; 4] = b"QFI\xfb";

const INCOMPATIBLE_DIRTY: u64 = 1;
const INCOMPATIBLE_CORRUPT: u64 = 1 << 1;
const INCOMPATIBLE_EXTERNAL_DATA: u64 = 1 << 2;
const INCOMPATIBLE_COMPRESSION: u64 = 1 << 3;
const INCOMPATIBLE_EXTENDED_L2: u64 = 1 << 4;
/// An eighth of QEMU's own limit on the L1 table: 256 TiB in clusters of 64 KiB.
const MAX_L1_BYTES: u64 = 4 * 1024 * 1024;

/// How compressed clusters are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// Raw deflate.
    Deflate,
    /// One Zstandard frame a cluster.
    Zstd,
}

/// A checked header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image) struct Header {
    pub(super) version: u32,
    pub(super) cluster_bits: u32,
    /// Bytes of the disk in it.
    pub(in crate::image) virtual_size: u64,
    pub(super) l1_offset: u64,
    /// Entries of the L1 table that the virtual size needs.
    pub(super) l1_entries: usize,
    pub(super) compression: Compression,
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Qcow2Error> {
    bytes
        .get(at..at + N)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| Qcow2Error::Damaged("its header is cut off".to_owned()))
}

impl Header {
    pub(super) fn cluster_size(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// Entries of one L2 table, which fills a cluster.
    pub(super) fn l2_entries(&self) -> u64 {
        self.cluster_size() / 8
    }

    /// Reads and checks the header at the front of the file.
    pub(in crate::image) fn parse(head: &[u8]) -> Result<Self, Qcow2Error> {
        let u32_at = |at| number(head, at).map(u32::from_be_bytes);
        let u64_at = |at| number(head, at).map(u64::from_be_bytes);
        let unsupported = |what: &str| Err(Qcow2Error::Unsupported(what.to_owned()));
        let damaged = |what: String| Err(Qcow2Error::Damaged(what));

        if !head.starts_with(MAGIC) {
            return damaged("it does not begin as one".to_owned());
        }
        let version = u32_at(4)?;
        if !matches!(version, 2 | 3) {
            return unsupported("is of an unknown version");
        }
        if u64_at(8)? != 0 {
            return unsupported("has a backing file; flatten it with qemu-img convert");
        }
        let cluster_bits = u32_at(20)?;
        if !(9..=21).contains(&cluster_bits) {
            return damaged(format!("clusters of 2^{cluster_bits} bytes"));
        }
        if u32_at(32)? != 0 {
            return unsupported("is encrypted");
        }
        let compression = if version == 3 {
            read_features(head)?
        } else {
            Compression::Deflate
        };
        let virtual_size = u64_at(24)?;
        let cluster_size = 1_u64 << cluster_bits;
        let per_l1 = cluster_size * (cluster_size / 8);
        let l1_entries = virtual_size.div_ceil(per_l1);
        let l1_size = u64::from(u32_at(36)?);
        let l1_offset = u64_at(40)?;
        if l1_size < l1_entries {
            return damaged("its L1 table is shorter than its virtual size needs".to_owned());
        }
        if l1_entries * 8 > MAX_L1_BYTES {
            return unsupported("claims a disk that is too large");
        }
        if l1_entries > 0 && (l1_offset == 0 || !l1_offset.is_multiple_of(cluster_size)) {
            return damaged("its L1 table is not where one can be".to_owned());
        }
        let l1_entries = usize::try_from(l1_entries)
            .map_err(|_| Qcow2Error::Damaged("its L1 table is too long".to_owned()))?;
        Ok(Self {
            version,
            cluster_bits,
            virtual_size,
            l1_offset,
            l1_entries,
            compression,
        })
    }
}

fn read_features(head: &[u8]) -> Result<Compression, Qcow2Error> {
    let unsupported = |what: &str| Err(Qcow2Error::Unsupported(what.to_owned()));
    let incompatible = u64::from_be_bytes(number(head, 72)?);
    let header_length = u32::from_be_bytes(number(head, 100)?);
    if incompatible & INCOMPATIBLE_CORRUPT != 0 {
        return unsupported("is marked as corrupt; repair it with qemu-img check -r all");
    }
    if incompatible & INCOMPATIBLE_EXTERNAL_DATA != 0 {
        return unsupported("keeps its data in another file; flatten it with qemu-img convert");
    }
    if incompatible & INCOMPATIBLE_EXTENDED_L2 != 0 {
        return unsupported("has extended L2 entries; convert it with qemu-img convert");
    }
    // A dirty image has wrong reference counts only, which a reader does not use.
    let known = INCOMPATIBLE_DIRTY | INCOMPATIBLE_COMPRESSION;
    if incompatible & !known != 0 {
        return unsupported("needs features that this agent does not know");
    }
    if incompatible & INCOMPATIBLE_COMPRESSION == 0 {
        return Ok(Compression::Deflate);
    }
    let kind = if header_length > 104 {
        head.get(104).copied()
    } else {
        None
    };
    match kind {
        Some(0) => Ok(Compression::Deflate),
        Some(1) => Ok(Compression::Zstd),
        Some(_) | None => unsupported("is compressed in an unknown way"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A version 3 header of a file with clusters of 64 KiB.
    pub(in crate::image::qcow2) fn header(virtual_size: u64, l1_size: u32) -> Vec<u8> {
        let mut head = vec![0; 112];
        head[..4].copy_from_slice(MAGIC);
        head[4..8].copy_from_slice(&3_u32.to_be_bytes());
        head[20..24].copy_from_slice(&16_u32.to_be_bytes());
        head[24..32].copy_from_slice(&virtual_size.to_be_bytes());
        head[36..40].copy_from_slice(&l1_size.to_be_bytes());
        head[40..48].copy_from_slice(&0x30000_u64.to_be_bytes());
        head[100..104].copy_from_slice(&112_u32.to_be_bytes());
        head
    }

    fn with(at: usize, bytes: &[u8]) -> Result<Header, Qcow2Error> {
        let mut head = header(1 << 30, 2);
        head[at..at + bytes.len()].copy_from_slice(bytes);
        Header::parse(&head)
    }

    #[test]
    fn a_good_header_reads() {
        let header = Header::parse(&header(1 << 30, 2)).unwrap();
        assert_eq!((header.virtual_size, header.l1_entries), (1 << 30, 2));
        assert_eq!(header.compression, Compression::Deflate);
    }

    #[test]
    fn what_reaches_out_or_is_broken_is_refused() {
        for (what, result) in [
            ("backing file", with(8, &0x200_u64.to_be_bytes())),
            ("encrypted", with(32, &1_u32.to_be_bytes())),
            ("another file", with(72, &4_u64.to_be_bytes())),
            ("corrupt", with(72, &2_u64.to_be_bytes())),
            ("extended L2", with(72, &16_u64.to_be_bytes())),
            ("does not know", with(72, &(1_u64 << 40).to_be_bytes())),
            ("unknown version", with(4, &9_u32.to_be_bytes())),
            ("2^30", with(20, &30_u32.to_be_bytes())),
            ("shorter", with(36, &1_u32.to_be_bytes())),
            ("L1 table is not where", with(40, &7_u64.to_be_bytes())),
            ("too large", {
                let mut head = header(1 << 60, u32::MAX);
                head[20..24].copy_from_slice(&16_u32.to_be_bytes());
                Header::parse(&head)
            }),
        ] {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(what), "{what}: {error}");
        }
    }

    proptest! {
        #[test]
        fn hostile_headers_do_not_panic(
            mut head in proptest::collection::vec(any::<u8>(), 0..160),
            version in 2_u8..=3,
            bits in 0_u8..32,
        ) {
            for (at, byte) in [(0, b'Q'), (1, b'F'), (2, b'I'), (3, 0xfb), (4, 0), (5, 0), (6, 0),
                               (7, version), (20, 0), (21, 0), (22, 0), (23, bits)]
                .into_iter().chain((8..16).map(|at| (at, 0))).chain((32..36).map(|at| (at, 0)))
            {
                if let Some(target) = head.get_mut(at) { *target = byte; }
            }
            let _ = Header::parse(&head);
        }
    }
}
