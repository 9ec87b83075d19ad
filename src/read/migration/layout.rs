//! Finds migrations: every path of a tree in, units with their runner, order, directions and transactions out.
