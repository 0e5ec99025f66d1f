//! A buffer that starts at an address the kernel accepts for direct I/O.

/// What direct I/O is aligned to: no logical sector is larger.
pub(super) const ALIGNMENT: usize = 4096;

/// A byte buffer aligned to [`ALIGNMENT`].
pub(super) struct AlignedBuffer {
    store: Vec<u8>,
    start: usize,
    length: usize,
}

impl AlignedBuffer {
    pub(super) fn new(length: usize) -> Self {
        let store = vec![0; length + ALIGNMENT];
        let misaligned = store.as_ptr().addr() % ALIGNMENT;
        let start = if misaligned == 0 {
            0
        } else {
            ALIGNMENT - misaligned
        };
        Self {
            store,
            start,
            length,
        }
    }

    /// The first bytes, as they were filled in.
    pub(super) fn filled(&self, length: usize) -> &[u8] {
        let end = self.start + length.min(self.length);
        self.store.get(self.start..end).unwrap_or_default()
    }

    /// Copies as much as fits to the front.
    pub(super) fn fill(&mut self, data: &[u8]) {
        let length = data.len().min(self.length);
        let end = self.start + length;
        if let (Some(target), Some(source)) =
            (self.store.get_mut(self.start..end), data.get(..length))
        {
            target.copy_from_slice(source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_aligned_and_holds_what_was_put_in() {
        let mut buffer = AlignedBuffer::new(8192);
        buffer.fill(&[7; 10_000]);
        let filled = buffer.filled(10_000);
        assert_eq!(filled.len(), 8192);
        assert_eq!(filled.as_ptr().addr() % ALIGNMENT, 0);
        assert!(filled.iter().all(|byte| *byte == 7));
    }
}
