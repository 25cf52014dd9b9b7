//! Sets of numbers.

/// A set of numbers that mostly come one after the other: as ranges.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// First and last of each range, in order.
    ranges: Vec<(u64, u64)>,
}

impl Numbers {
    pub(crate) fn add(&mut self, number: u64) {
        // The usual case: the next one.
        if let Some((_, last)) = self.ranges.last_mut()
            && number.checked_sub(1) == Some(*last)
        {
            *last = number;
            return;
        }
        let place = self.ranges.partition_point(|(first, _)| *first <= number);
        let joins_before = place > 0 && self.ranges[place - 1].1.saturating_add(1) >= number;
        let joins_after = self.ranges.get(place).is_some_and(|(first, _)| number.saturating_add(1) == *first);
        match (joins_before, joins_after) {
            (true, true) => self.ranges[place - 1].1 = self.ranges.remove(place).1,
            (true, false) => self.ranges[place - 1].1 = self.ranges[place - 1].1.max(number),
            (false, true) => self.ranges[place].0 = number,
            (false, false) => self.ranges.insert(place, (number, number)),
        }
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        let place = self.ranges.partition_point(|(first, _)| *first <= number);
        place > 0 && self.ranges[place - 1].1 >= number
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;

    #[test]
    fn numbers_in_any_order_become_ranges() {
        let mut numbers = Numbers::default();
        for number in [5, 3, 4, 4, 9, 8, 0, u64::MAX, u64::MAX] {
            numbers.add(number);
        }
        assert_eq!(numbers.ranges, [(0, 0), (3, 5), (8, 9), (u64::MAX, u64::MAX)]);
        for (number, there) in [(0, true), (1, false), (2, false), (3, true), (5, true), (6, false), (9, true)] {
            assert_eq!(numbers.contains(number), there, "{number}");
        }
    }
}
