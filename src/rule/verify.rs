//! Runs the examples of rule files: a rule in, what its examples got wrong out.
