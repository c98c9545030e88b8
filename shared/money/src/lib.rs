//! Money that is exact to the minor unit.
