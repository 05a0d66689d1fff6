//! embedded-graphiql
