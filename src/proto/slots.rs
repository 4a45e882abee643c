//! A slot map: values under numbers that are small, dense and used again, each with a generation that
//! tells it from an earlier value of its number.
//!
//! JavaScript knows values by their number alone, because a small integer is an index of an array
//! there and costs nothing to pass; it forgets a number when it has the value removed. Whoever keeps
//! references for longer than a call (the system's set of descriptors, lists of what is to be served)
//! keeps a [`Key`]. The crate `slotmap` has no lookup by the number, and its keys fit into none of
//! JavaScript's numbers: they have 64 bits, of which a double holds 53.

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

    /// What [`Key::to_bits`] has made.
    pub fn from_bits(bits: u64) -> Self {
        Self { number: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// A place for a value. Its generation counts the values that it has had.
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
    /// Adds a value, in the place that was freed last.
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

    /// Takes the value of a number out, and frees the number.
    pub fn remove(&mut self, number: u32) -> Option<T> {
        let slot = self.slots.get_mut(number as usize)?;
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(number);
        Some(value)
    }

    /// The value of a number.
    pub fn at(&mut self, number: u32) -> Option<&mut T> {
        self.slots.get_mut(number as usize)?.value.as_mut()
    }

    /// The key of the value that a number has now.
    pub fn key(&self, number: u32) -> Option<Key> {
        let slot = self.slots.get(number as usize).filter(|slot| slot.value.is_some())?;
        Some(Key { number, generation: slot.generation })
    }

    /// The value of a key, unless it was removed.
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
