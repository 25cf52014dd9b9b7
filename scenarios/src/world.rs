//! What the steps of one scenario share.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::fmt;

/// The state of one scenario, made anew for each and dropped at its end.
///
/// Steps of other crates keep what they need in a slot of a type of their own:
///
/// ```
/// use busyhour_scenarios::World;
/// use cucumber::{given, then};
///
/// #[derive(Default)]
/// struct Orders {
///     open: u32,
/// }
///
/// #[given(expr = "an open order")]
/// async fn an_open_order(world: &mut World) {
///     world.slot::<Orders>().open += 1;
/// }
///
/// #[then(expr = "there is an open order")]
/// async fn there_is_an_open_order(world: &mut World) {
///     assert_eq!(world.slot::<Orders>().open, 1);
/// }
/// # fn main() {}
/// ```
#[derive(Default, cucumber::World)]
pub struct World {
    // One value a type. Only ever looked up, never walked through: the order of TypeIds is not the same in two builds.
    slots: BTreeMap<TypeId, Box<dyn Any>>,
}

impl World {
    /// The slot of type `T`, made with its default when it's first asked for.
    pub fn slot<T: Default + 'static>(&mut self) -> &mut T {
        let slot = self.slots.entry(TypeId::of::<T>()).or_insert_with(|| Box::new(T::default()));
        slot.downcast_mut().expect("a slot holds a value of the type it is filed under")
    }

    /// Fills the slot of type `T`, for state that has no default. What was there comes back.
    pub fn fill<T: 'static>(&mut self, value: T) -> Option<T> {
        let old = self.slots.insert(TypeId::of::<T>(), Box::new(value))?;
        old.downcast().ok().map(|old| *old)
    }

    /// The slot of type `T`, if somebody filled it.
    pub fn filled<T: 'static>(&mut self) -> Option<&mut T> {
        self.slots.get_mut(&TypeId::of::<T>())?.downcast_mut()
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("slots", &self.slots.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::World;

    #[test]
    fn a_slot_keeps_its_value_and_types_do_not_meet() {
        let mut world = World::default();
        *world.slot::<u32>() += 2;
        *world.slot::<u32>() += 3;
        assert_eq!(*world.slot::<u32>(), 5);
        assert_eq!(*world.slot::<u64>(), 0);
    }

    #[test]
    fn a_filled_slot_gives_back_what_it_held() {
        struct Key(u8);
        let mut world = World::default();
        assert!(world.filled::<Key>().is_none());
        assert!(world.fill(Key(1)).is_none());
        assert_eq!(world.fill(Key(2)).map(|key| key.0), Some(1));
        assert_eq!(world.filled::<Key>().map(|key| key.0), Some(2));
    }
}
