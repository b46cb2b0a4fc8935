"""The pages, one module each: what a query found, laid out. Names of others go through `render`."""
