//! Comments that speak to holdshort: suppressions and expectations, with their places.
