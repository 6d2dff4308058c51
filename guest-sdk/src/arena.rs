//! The module's allocator, which first uses an arena inside the module's initial memory.
//!
//! A fresh instance begins with memory for its stack and its data. The standard allocator leaves the rest of that
//! memory unused and asks the host for more at the first allocation of each call. Growing a memory, and taking it back
//! after the call, costs the host two system calls that all of its threads wait for, more than the rest of a small
//! call. So the first few dozen kilobytes come from the arena, in order, and later allocations from the standard
//! allocator.
//!
//! The `unsafe` here is the module's own: a mistake would harm a module inside its sandbox, and nothing else.

#![expect(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};

/// Bytes. Together with the stack and the data of a small module, this fits into two pages of memory.
#[cfg(target_arch = "wasm32")]
const SIZE: usize = 48 << 10;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: Arena<SIZE> = Arena::new();

/// Hands out its bytes in order. Only the last allocation can be freed, or grown in place; the others are freed with
/// the instance.
struct Arena<const SIZE: usize> {
    bytes: UnsafeCell<[u8; SIZE]>,
    used: Cell<usize>,
}

// SAFETY: an instance has one thread.
unsafe impl<const SIZE: usize> Sync for Arena<SIZE> {}

impl<const SIZE: usize> Arena<SIZE> {
    const fn new() -> Self {
        Self { bytes: UnsafeCell::new([0; SIZE]), used: Cell::new(0) }
    }

    /// The offset of an allocation in the arena; `None` if the standard allocator made it.
    fn offset_of(&self, piece: *const u8) -> Option<usize> {
        let offset = piece.addr().wrapping_sub(self.bytes.get().addr());
        (offset < SIZE).then_some(offset)
    }

    /// Allocates `layout` from the free end.
    fn take(&self, layout: Layout) -> Option<*mut u8> {
        let base = self.bytes.get().addr();
        let start = (base + self.used.get()).checked_next_multiple_of(layout.align())? - base;
        let end = start.checked_add(layout.size()).filter(|end| *end <= SIZE)?;
        // An empty allocation at the very end would lie outside the arena, and `offset_of` would not recognise it.
        if start == SIZE {
            return None;
        }
        self.used.set(end);
        Some(self.bytes.get().cast::<u8>().wrapping_add(start))
    }
}

// SAFETY: allocations in the arena do not overlap, since `used` only goes back over the last one. They are aligned as
// asked and lie within the arena's bytes. All others come from the standard allocator.
unsafe impl<const SIZE: usize> GlobalAlloc for Arena<SIZE> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that `System` asks for.
        self.take(layout).unwrap_or_else(|| unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match self.offset_of(piece) {
            Some(start) if start + layout.size() == self.used.get() => self.used.set(start),
            Some(_) => {}
            // SAFETY: allocations outside the arena came from `System`.
            None => unsafe { System.dealloc(piece, layout) },
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(start) = self.offset_of(piece) else {
            // SAFETY: allocations outside the arena came from `System`.
            return unsafe { System.realloc(piece, layout, size) };
        };
        let is_last = start + layout.size() == self.used.get();
        if let Some(end) = start.checked_add(size).filter(|end| is_last && *end <= SIZE) {
            self.used.set(end);
            return piece;
        }
        // SAFETY: the caller promises that `size` does not overflow with this alignment.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !moved.is_null() {
            // SAFETY: both are at least as long as the copy, and do not overlap, since the new one was free.
            unsafe { moved.copy_from_nonoverlapping(piece, layout.size().min(size)) };
            // SAFETY: `piece` is not used any more.
            unsafe { self.dealloc(piece, layout) };
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    /// An allocation filled with a byte of its own.
    struct Piece {
        at: *mut u8,
        layout: Layout,
        mark: u8,
    }

    impl Piece {
        fn take<const SIZE: usize>(arena: &Arena<SIZE>, layout: Layout, mark: u8) -> Piece {
            // SAFETY: no layout of these tests is empty.
            let at = unsafe { arena.alloc(layout) };
            assert_eq!(at.addr() % layout.align(), 0);
            // SAFETY: the allocation is ours, and that long.
            unsafe { at.write_bytes(mark, layout.size()) };
            Piece { at, layout, mark }
        }

        fn check(&self, size: usize) {
            // SAFETY: the first `size` bytes were written.
            let bytes = unsafe { std::slice::from_raw_parts(self.at, size) };
            assert!(bytes.iter().all(|byte| *byte == self.mark), "somebody else wrote here");
        }

        fn resize<const SIZE: usize>(self, arena: &Arena<SIZE>, size: usize) -> Piece {
            // SAFETY: `self` was handed out by this arena with this layout.
            let at = unsafe { arena.realloc(self.at, self.layout, size) };
            let resized = Piece { at, layout: layout(size, self.layout.align()), mark: self.mark };
            resized.check(size.min(self.layout.size()));
            // SAFETY: the allocation is ours, and that long.
            unsafe { at.write_bytes(self.mark, size) };
            resized
        }

        fn give_back<const SIZE: usize>(self, arena: &Arena<SIZE>) {
            self.check(self.layout.size());
            // SAFETY: `self` was handed out by this arena with this layout.
            unsafe { arena.dealloc(self.at, self.layout) };
        }
    }

    #[test]
    fn pieces_come_in_order_and_the_last_one_goes_back() {
        let arena = Arena::<1024>::new();
        let (first, second) = (Piece::take(&arena, layout(3, 1), 1), Piece::take(&arena, layout(8, 8), 2));
        let used = arena.used.get();
        second.give_back(&arena);
        assert!(arena.used.get() < used);
        let third = Piece::take(&arena, layout(8, 8), 3);
        assert_eq!(arena.used.get(), used);
        first.give_back(&arena);
        assert_eq!(arena.used.get(), used, "it was not the last one");
        third.give_back(&arena);
    }

    #[test]
    fn the_last_piece_grows_where_it_lies_and_others_move() {
        let arena = Arena::<1024>::new();
        let first = Piece::take(&arena, layout(10, 1), 1);
        let at = first.at;
        let first = first.resize(&arena, 100);
        assert_eq!(first.at, at);
        let second = Piece::take(&arena, layout(10, 1), 2);
        let first = first.resize(&arena, 200);
        assert_ne!(first.at, at);
        second.check(10);
        let first = first.resize(&arena, 2000);
        assert!(arena.offset_of(first.at).is_none(), "the standard allocator has it now");
        let first = first.resize(&arena, 20);
        first.give_back(&arena);
        second.give_back(&arena);
    }

    #[test]
    fn what_finds_no_room_is_the_standard_allocators() {
        let arena = Arena::<64>::new();
        let held: Vec<Piece> = (0..20).map(|mark| Piece::take(&arena, layout(16, 16), mark)).collect();
        let inside = held.iter().filter(|piece| arena.offset_of(piece.at).is_some()).count();
        assert!((3..=4).contains(&inside), "{inside}");
        let huge = Piece::take(&arena, layout(1 << 20, 1), 99);
        held.into_iter().rev().for_each(|piece| piece.give_back(&arena));
        huge.give_back(&arena);
        assert!(arena.used.get() < 16);
    }
}
