/**
 * Owns what `riposte nats-config` is asked for: servers, where they listen, where their files are, and who may have which
 * durable consumer. The files are written by the others of this folder.
 */

/** The names of a nats-server. */
export interface ServerNames {
  /** As the servers call each other, and as its files are called. */
  readonly name: string;
  /** Under which clients and the other servers reach it; an IPv6 address has no brackets here. */
  readonly host: string;
  /** More names and addresses in its certificate. */
  readonly alsoCalled: readonly string[];
}

/** One nats-server. */
export interface ServerPlan extends ServerNames {
  readonly port: number;
  readonly routePort: number;
  /** Of the monitoring, on loopback; null for none. */
  readonly monitorPort: number | null;
}

/** What to write. */
export interface Plan {
  /** One server, or the servers of a cluster. */
  readonly servers: readonly ServerPlan[];
  /** The address on which clients and routes are listened to; an IPv6 address has no brackets here. */
  readonly listen: string;
  /** Where the servers find the directory that is written: where it is mounted. */
  readonly seenAs: string;
  /** Where the servers keep their streams; null for the directory `store` beside the configuration. */
  readonly store: string | null;
  /** How soon what was written is synced: `always`, a duration as the server reads it, or null for the server's own default. */
  readonly syncInterval: string | null;
  /** The durable consumers of results that game servers may make. */
  readonly resultConsumers: readonly string[];
}
