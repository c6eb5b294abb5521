// Says how long a test waits for an answer of a server: long enough for a busy machine, so that only an answer that never comes
// ends the wait. Clients wait for one second, or five, if nobody says otherwise.

/** Options of a request, and of a JetStream manager. */
export const PATIENCE = { timeout: 100_000 } as const;
