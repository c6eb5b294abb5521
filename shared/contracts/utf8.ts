/**
 * Owns the step from a text to its bytes, on the path of every message: into slabs that many messages share, because a
 * memory block of its own costs a message ten times what writing it does.
 */

const encoder = new TextEncoder();

/** Small enough that a message kept for long keeps little alive beside itself. */
const SLAB_BYTES = 16 * 1024;
/** What is longer has a block of its own. A character of a text is three bytes of UTF-8 at the most. */
const SHARED_MAX_CHARS = SLAB_BYTES / 8;
const BYTES_PER_CHAR_MAX = 3;

let slab = new Uint8Array(SLAB_BYTES);
let used = 0;

/** The bytes of a text as UTF-8. They are never written again, and must not be by whoever gets them. */
export function utf8Of(text: string): Uint8Array {
  if (text.length > SHARED_MAX_CHARS) return encoder.encode(text);
  if (used + text.length * BYTES_PER_CHAR_MAX > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES);
    used = 0;
  }
  const start = used;
  used += encoder.encodeInto(text, slab.subarray(start)).written;
  return slab.subarray(start, used);
}
