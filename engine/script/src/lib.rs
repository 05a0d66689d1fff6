//! TypeScript and JavaScript modules of a model.
