//! The integration matrix.
