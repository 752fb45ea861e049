//! What a page looks like: templates, styles, scripts, and the Markdown of strangers made safe.
