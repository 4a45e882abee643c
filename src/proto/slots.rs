//! A slot map: values under small numbers, which are used again when their value was removed. Each
//! value has a generation as well, which distinguishes it from earlier values under the same
//! number.
//!
//! JavaScript refers to a value by its number alone: a small integer is an array index there, and
//! costs nothing to pass. That is safe because JavaScript itself removes the value, and does not
//! use the number afterwards. A reference that is kept for longer than a call (in epoll's set of
//! descriptors, in the list of connections to be served) is a [`Key`], number and generation. The
//! crate `slotmap` has no lookup by the number alone, and its keys of 64 bits do not fit into a
//! number of JavaScript, which has 53.

/// A number with its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The number.
    pub number: u32,
    generation: u32,
}

impl Key {
    /// As one integer.
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.number)
    }

    /// The key of which [`Key::to_bits`] has made `bits`.
    pub fn from_bits(bits: u64) -> Self {
        Self { number: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// A place for one value. Its generation is the number of values that were removed from it.
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// Values by number.
pub struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// Adds a value, under the number that was freed last.
    pub fn insert(&mut self, value: T) -> Key {
        if let Some(number) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(number as usize)
        {
            slot.value = Some(value);
            return Key { number, generation: slot.generation };
        }
        let number = self.slots.len() as u32;
        self.slots.push(Slot { generation: 0, value: Some(value) });
        Key { number, generation: 0 }
    }

    /// Removes the value under a number, and frees the number.
    pub fn remove(&mut self, number: u32) -> Option<T> {
        let slot = self.slots.get_mut(number as usize)?;
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(number);
        Some(value)
    }

    /// The value under a number.
    pub fn at(&mut self, number: u32) -> Option<&mut T> {
        self.slots.get_mut(number as usize)?.value.as_mut()
    }

    /// The key of the value that is under a number now.
    pub fn key(&self, number: u32) -> Option<Key> {
        let slot = self.slots.get(number as usize).filter(|slot| slot.value.is_some())?;
        Some(Key { number, generation: slot.generation })
    }

    /// The value of a key, unless it was removed: a later value under the same number is not found.
    pub fn get(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.number as usize)?;
        if slot.generation == key.generation { slot.value.as_mut() } else { None }
    }

    /// All values, by key.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        (0..).zip(&self.slots).filter_map(|(number, slot)| {
            Some((Key { number, generation: slot.generation }, slot.value.as_ref()?))
        })
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.slots.len() == self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again_and_keys_are_not() {
        let mut slots = Slots::default();
        let first = slots.insert('a');
        let other = slots.insert('b');
        assert_eq!((first.number, other.number, slots.is_empty()), (0, 1, false));
        assert_eq!(slots.remove(0), Some('a'));
        assert_eq!((slots.remove(0), slots.key(0)), (None, None));
        assert_eq!(slots.at(0), None);
        let again = slots.insert('c');
        assert_eq!((again.number, slots.key(0)), (0, Some(again)));
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.get(again), Some(&mut 'c'));
        assert_eq!(slots.at(0), Some(&mut 'c'));
        assert_eq!(Key::from_bits(again.to_bits()), again);
        assert_eq!(slots.iter().map(|(key, _)| key).collect::<Vec<_>>(), [again, other]);
        assert_eq!((slots.remove(7), slots.remove(1)), (None, Some('b')));
        assert_eq!((slots.remove(0), slots.is_empty()), (Some('c'), true));
    }
}
