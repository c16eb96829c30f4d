/** The major version: clients and cores that differ in it do not talk to each other. */
export const PROTOCOL_VERSION = 1;
