//! Base and head from flags, CI variables or a hook's input: words and environment in, two revisions and the reason out.
