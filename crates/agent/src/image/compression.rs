//! Compressed raw images: gzip, xz and Zstandard, unpacked on their way to the disk. A window that is
//! larger than the agent may take is refused before the disk is touched, and so is what is packed
//! inside when it is no disk.

use std::io::{self, Read, Write};

use flate2::write::MultiGzDecoder;
use liblzma::stream::{Action, CONCATENATED, Stream};
use liblzma::write::XzDecoder;
use zstd::stream::write::Decoder as ZstdDecoder;

use super::ImageError;
use super::source::Source;

/// The largest window a decoder may keep, as a power of two: 32 MiB. A machine has more memory, but
/// the agent's stays below 64 MiB whatever the image is.
const WINDOW_LOG: u32 = 25;
/// What xz's decoder takes for such a window.
const XZ_MEMORY: u64 = (1 << WINDOW_LOG) + (1 << 20);
/// How much is unpacked to look at.
const PREVIEW: usize = 4096;
/// An index of an xz file that is longer than this is not read.
const MAX_XZ_INDEX: u64 = 1024 * 1024;

/// How a raw image is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// RFC 1952.
    Gzip,
    /// The .xz file format.
    Xz,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// Decides by the first bytes of a file.
    pub(super) fn detect(head: &[u8]) -> Option<Self> {
        [
            (&[0x1f, 0x8b][..], Self::Gzip),
            (b"\xfd7zXZ\0", Self::Xz),
            (&[0x28, 0xb5, 0x2f, 0xfd], Self::Zstd),
        ]
        .into_iter()
        .find(|(magic, _)| head.starts_with(magic))
        .map(|(_, found)| found)
    }

    /// The first bytes of what is packed, out of the first bytes of the file. It can be less than
    /// there is, when the first block does not fit into the head.
    ///
    /// # Errors
    /// The head is damaged, or needs too large a window.
    pub(super) fn preview(self, head: &[u8]) -> Result<Vec<u8>, String> {
        let mut preview = Vec::new();
        let read = match self {
            Self::Gzip => read_some(flate2::read::MultiGzDecoder::new(head), &mut preview),
            Self::Zstd => {
                if let Some(window) = zstd_window(head)
                    && window > 1 << WINDOW_LOG
                {
                    return Err(too_wide("zstd", "zstd -19 or --long=25"));
                }
                zstd::stream::read::Decoder::with_buffer(head).and_then(|mut decoder| {
                    decoder.window_log_max(WINDOW_LOG)?;
                    read_some(decoder, &mut preview)
                })
            }
            Self::Xz => {
                preview.reserve_exact(PREVIEW);
                let decoded = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)
                    .and_then(|mut stream| stream.process_vec(head, &mut preview, Action::Run));
                match decoded {
                    Err(liblzma::stream::Error::MemLimit) => {
                        return Err(too_wide("xz", "xz -8 or less"));
                    }
                    Err(error) => Err(error.into()),
                    Ok(_) => Ok(()),
                }
            }
        };
        match read {
            Ok(()) => Ok(preview),
            // The head ends within a block: what came out of it is enough.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(preview),
            Err(error) => Err(format!("its compressed data is damaged: {error}")),
        }
    }

    /// How many bytes are packed at least, where the file says so.
    ///
    /// # Errors
    /// The end of the file, where xz says it, does not come.
    pub(super) async fn unpacked_size(
        self,
        head: &[u8],
        source: &Source,
    ) -> Result<Option<u64>, ImageError> {
        match self {
            // RFC 1952 keeps it modulo 2^32 at the end of each member: no use.
            Self::Gzip => Ok(None),
            Self::Zstd => Ok(zstd::zstd_safe::get_frame_content_size(head).unwrap_or(None)),
            Self::Xz => xz_size(source).await,
        }
    }
}

fn too_wide(format: &str, advice: &str) -> String {
    format!(
        "it is packed with a {format} window of more than {} MiB, which unpacking would have to keep \
         in memory; pack it again with {advice}",
        (1_u64 << WINDOW_LOG) >> 20
    )
}

fn read_some(reader: impl Read, preview: &mut Vec<u8>) -> io::Result<()> {
    reader.take(PREVIEW as u64).read_to_end(preview).map(|_| ())
}

/// The window that the first frame asks for (RFC 8878, section 3.1.1.1.2), in bytes.
fn zstd_window(head: &[u8]) -> Option<u64> {
    let descriptor = *head.get(4)?;
    let is_single_segment = descriptor & 0x20 != 0;
    if is_single_segment {
        return zstd::zstd_safe::get_frame_content_size(head).ok()?;
    }
    let byte = *head.get(5)?;
    let base = 1_u64 << (10 + (byte >> 3));
    Some(base + base / 8 * u64::from(byte & 7))
}

/// The unpacked size out of the index at the end of an xz file (.xz file format 1.2, section 4).
async fn xz_size(source: &Source) -> Result<Option<u64>, ImageError> {
    const FOOTER: u64 = 12;
    let Some(length) = source.length().filter(|_| source.has_ranges()) else {
        return Ok(None);
    };
    let Some(footer_at) = length.checked_sub(FOOTER) else {
        return Ok(None);
    };
    let one = |parts: Vec<Vec<u8>>| parts.into_iter().next().unwrap_or_default();
    let footer = one(source.parts(&[(footer_at, FOOTER as usize)]).await?);
    let index_length = match (footer.get(4..8), footer.get(10..12)) {
        (Some(&[a, b, c, d]), Some(b"YZ")) => (u64::from(u32::from_le_bytes([a, b, c, d])) + 1) * 4,
        // Padding behind the stream: allowed, and rare.
        _ => return Ok(None),
    };
    let Some(index_at) = footer_at
        .checked_sub(index_length)
        .filter(|_| index_length <= MAX_XZ_INDEX)
    else {
        return Ok(None);
    };
    let index = one(source.parts(&[(index_at, index_length as usize)]).await?);
    Ok(xz_index_size(&index))
}

fn xz_index_size(index: &[u8]) -> Option<u64> {
    let (indicator, mut rest) = index.split_first()?;
    if *indicator != 0 {
        return None;
    }
    let records = xz_number(&mut rest)?;
    let mut size = 0_u64;
    for _ in 0..records {
        let _unpadded = xz_number(&mut rest)?;
        size = size.checked_add(xz_number(&mut rest)?)?;
    }
    Some(size)
}

/// A multibyte integer (.xz file format, section 1.2): seven bits a byte, the lowest first.
fn xz_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Unpacks what is written to it.
pub(super) enum Unpacker<W: Write> {
    Gzip(Box<MultiGzDecoder<W>>),
    Xz(Box<XzDecoder<W>>),
    Zstd(Box<ZstdDecoder<'static, W>>),
}

impl<W: Write> Unpacker<W> {
    pub(super) fn new(compression: Compression, sink: W) -> io::Result<Self> {
        Ok(match compression {
            Compression::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(sink))),
            Compression::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
                Self::Xz(Box::new(XzDecoder::new_stream(sink, stream)))
            }
            Compression::Zstd => {
                let mut decoder = ZstdDecoder::new(sink)?;
                decoder.window_log_max(WINDOW_LOG)?;
                Self::Zstd(Box::new(decoder))
            }
        })
    }

    pub(super) fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(decoder) => decoder.write_all(data),
            Self::Xz(decoder) => decoder.write_all(data),
            Self::Zstd(decoder) => decoder.write_all(data),
        }
    }

    pub(super) fn get_ref(&self) -> &W {
        match self {
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Xz(decoder) => decoder.get_ref(),
            Self::Zstd(decoder) => decoder.get_ref(),
        }
    }

    /// Unpacks what is left.
    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            Self::Gzip(decoder) => decoder.finish(),
            Self::Xz(decoder) => decoder.finish(),
            Self::Zstd(mut decoder) => {
                decoder.flush()?;
                Ok(decoder.into_inner())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn data() -> Vec<u8> {
        (0..300_000_u32)
            .map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect()
    }

    fn packed(compression: Compression, data: &[u8]) -> Vec<u8> {
        match compression {
            Compression::Gzip => {
                let level = flate2::Compression::fast();
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Zstd => zstd::stream::encode_all(data, 1).unwrap(),
        }
    }

    const ALL: [Compression; 3] = [Compression::Gzip, Compression::Xz, Compression::Zstd];

    #[test]
    fn all_of_them_are_known_previewed_and_unpacked_also_when_concatenated() {
        let data = data();
        for compression in ALL {
            let mut file = packed(compression, &data);
            assert_eq!(Compression::detect(&file), Some(compression));
            let preview = compression.preview(&file).unwrap();
            assert!(!preview.is_empty() && data.starts_with(&preview));
            // Of a head that holds no whole block, nothing can be said; that is no damage.
            compression.preview(&file[..40]).unwrap();

            file.extend(packed(compression, b"the second part"));
            let mut unpacker = Unpacker::new(compression, Vec::new()).unwrap();
            for chunk in file.chunks(1000) {
                unpacker.write_all(chunk).unwrap();
            }
            let unpacked = unpacker.finish().unwrap();
            assert!(unpacked.starts_with(&data), "{compression:?}");
            assert!(unpacked.ends_with(b"the second part"), "{compression:?}");
        }
    }

    #[test]
    fn a_window_that_memory_cannot_hold_is_refused_at_the_head() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(&data()).unwrap();
        let file = encoder.finish().unwrap();
        let error = Compression::Zstd.preview(&file).unwrap_err();
        assert!(error.contains("32 MiB"), "{error}");
        let xz = liblzma::write::XzEncoder::new(Vec::new(), 9)
            .finish()
            .unwrap();
        // Without a block there is no window to refuse.
        Compression::Xz.preview(&xz).unwrap();
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 9);
        encoder.write_all(b"x").unwrap();
        let error = Compression::Xz
            .preview(&encoder.finish().unwrap())
            .unwrap_err();
        assert!(error.contains("xz -8"), "{error}");
    }

    #[test]
    fn the_index_of_xz_tells_the_size() {
        let file = packed(Compression::Xz, &data());
        let footer = &file[file.len() - 12..];
        let length = (u32::from_le_bytes(footer[4..8].try_into().unwrap()) as usize + 1) * 4;
        let index = &file[file.len() - 12 - length..file.len() - 12];
        assert_eq!(xz_index_size(index), Some(300_000));
    }

    proptest! {
        #[test]
        fn hostile_heads_and_indexes_do_not_panic(
            mut head in proptest::collection::vec(any::<u8>(), 0..300),
            which in 0_usize..3,
        ) {
            let magic: &[u8] = [&[0x1f, 0x8b, 8][..], b"\xfd7zXZ\0", &[0x28, 0xb5, 0x2f, 0xfd]][which];
            let length = magic.len().min(head.len());
            head[..length].copy_from_slice(&magic[..length]);
            let _ = ALL[which].preview(&head);
            let _ = xz_index_size(&head);
        }
    }
}
