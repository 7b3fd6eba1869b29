"""Is a release good to train on? Its own tables are looked at, models are trained on it, and each answer says how."""
