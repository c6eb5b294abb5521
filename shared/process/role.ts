/**
 * Owns the names of the processes, as they stand in log lines, metrics and connection names.
 */

/** A program under `services/`. */
export type Role = 'collector' | 'executor' | 'ai';
