//! Unpacking single compressed clusters: one decoder and one buffer for all of them.

use std::io;

use flate2::{Decompress, FlushDecompress, Status};
use zstd::bulk::Decompressor;

use super::header::Compression;

/// The decoder, and the cluster that was unpacked last.
pub(super) struct ClusterUnpacker {
    decoder: Decoder,
    cluster: Vec<u8>,
}

enum Decoder {
    Deflate(Box<Decompress>),
    Zstd(Box<Decompressor<'static>>),
}

fn damaged(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

impl ClusterUnpacker {
    /// For clusters of this many bytes.
    pub(super) fn new(compression: Compression, cluster_size: usize) -> io::Result<Self> {
        let decoder = match compression {
            Compression::Deflate => Decoder::Deflate(Box::new(Decompress::new(false))),
            Compression::Zstd => Decoder::Zstd(Box::new(Decompressor::new()?)),
        };
        Ok(Self {
            decoder,
            cluster: vec![0; cluster_size],
        })
    }

    /// Unpacks one cluster. What follows it in its last sector does not count.
    ///
    /// # Errors
    /// It is damaged, or is not a whole cluster.
    pub(super) fn unpack(&mut self, bytes: &[u8]) -> io::Result<&[u8]> {
        let unpacked = match &mut self.decoder {
            Decoder::Deflate(decoder) => {
                decoder.reset(false);
                let status = decoder
                    .decompress(bytes, &mut self.cluster, FlushDecompress::Finish)
                    .map_err(|error| damaged(error.to_string()))?;
                match status {
                    // A full buffer is a whole cluster, whether the end was seen or not.
                    Status::Ok | Status::StreamEnd | Status::BufError => decoder.total_out(),
                }
            }
            Decoder::Zstd(decoder) => {
                let length = zstd::zstd_safe::find_frame_compressed_size(bytes)
                    .map_err(|_| damaged("no Zstandard frame"))?;
                let frame = bytes.get(..length).unwrap_or_default();
                // A slice: a vector would be cut to what was unpacked.
                decoder.decompress_to_buffer(frame, self.cluster.as_mut_slice())? as u64
            }
        };
        if unpacked != self.cluster.len() as u64 {
            return Err(damaged(format!("it unpacks to {unpacked} bytes")));
        }
        Ok(&self.cluster)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn clusters_unpack_one_after_the_other_whatever_follows_them() {
        let cluster: Vec<u8> = (0..65536_u32).map(|number| (number >> 5) as u8).collect();
        let mut deflate = Vec::new();
        io::Read::read_to_end(
            &mut flate2::read::DeflateEncoder::new(&cluster[..], flate2::Compression::fast()),
            &mut deflate,
        )
        .unwrap();
        let zstd = zstd::stream::encode_all(&cluster[..], 3).unwrap();
        for (compression, packed) in [(Compression::Deflate, deflate), (Compression::Zstd, zstd)] {
            let mut unpacker = ClusterUnpacker::new(compression, cluster.len()).unwrap();
            let mut padded = packed.clone();
            padded.extend([0xaa; 300]);
            for bytes in [&packed, &padded] {
                assert!(unpacker.unpack(bytes).unwrap() == cluster);
            }
            assert!(unpacker.unpack(&packed[..packed.len() / 2]).is_err());
        }
    }

    #[test]
    fn a_cluster_that_unpacks_to_less_is_refused() {
        let (whole, less) = ([7; 512], [7; 300]);
        let deflate = |plain: &[u8]| {
            let mut packed = Vec::new();
            let mut encoder = flate2::read::DeflateEncoder::new(plain, flate2::Compression::fast());
            io::Read::read_to_end(&mut encoder, &mut packed).unwrap();
            packed
        };
        let zstd = |plain: &[u8]| zstd::stream::encode_all(plain, 3).unwrap();
        for (compression, whole_packed, less_packed) in [
            (Compression::Deflate, deflate(&whole), deflate(&less)),
            (Compression::Zstd, zstd(&whole), zstd(&less)),
        ] {
            let mut unpacker = ClusterUnpacker::new(compression, whole.len()).unwrap();
            assert!(unpacker.unpack(&less_packed).is_err(), "{compression:?}");
            assert!(unpacker.unpack(&whole_packed).unwrap() == whole);
        }
    }

    proptest! {
        #[test]
        fn hostile_clusters_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            for compression in [Compression::Deflate, Compression::Zstd] {
                let _ = ClusterUnpacker::new(compression, 512).unwrap().unpack(&bytes);
            }
        }
    }
}
