// Owns: reading the package sources of a Debian machine, as apt does, to find out where it gets Debian from and which
// keys it trusts for that. Text in, data out; both of apt's formats.

/** One source of binary packages. */
export interface DebianSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** What the machine says about trust in this source, by the names of the deb822 format, e.g. `Signed-By`. */
  readonly trust: Readonly<Record<string, string>>;
}

/** The options that say whether and how a source is believed; the others are about what else to download. */
const TRUST_FIELDS = ['Signed-By', 'Trusted', 'Check-Valid-Until'] as const;

const ARCHIVE_NAMES: ReadonlySet<string> = new Set(['stable', 'oldstable', 'testing', 'unstable', 'sid']);

/** Reads a `.sources` file: stanzas of `Field: value`, where a line that begins with a blank goes on with the last one. */
export function parseDeb822(text: string): DebianSource[] {
  const lines = text.split(/\r?\n/).filter((line) => !line.startsWith('#'));
  return splitStanzas(lines).flatMap((stanza) => {
    const fields = new Map<string, string>();
    let field: string | undefined;
    for (const line of stanza) {
      const start = /^([!-9;-~]+):\s*(.*)$/.exec(line);
      if (start !== null && !/^\s/.test(line)) {
        field = (start[1] ?? '').toLowerCase();
        fields.set(field, (start[2] ?? '').trimEnd());
      } else if (field !== undefined) {
        fields.set(field, `${fields.get(field)}\n${line.trimEnd()}`);
      }
    }
    const words = (name: string): string[] => (fields.get(name) ?? '').split(/\s+/).filter((word) => word !== '');
    if (!words('types').includes('deb') || /^(no|false|0|off)$/i.test(fields.get('enabled') ?? 'yes')) return [];
    const trust: Record<string, string> = {};
    for (const name of TRUST_FIELDS) {
      const value = fields.get(name.toLowerCase());
      if (value !== undefined) trust[name] = value;
    }
    return [{ uris: words('uris'), suites: words('suites'), components: words('components'), trust }];
  });
}

/** Reads a `.list` file: `deb [option=value ...] uri suite component ...`, one source a line. */
export function parseOneLine(text: string): DebianSource[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const found = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)/.exec(line);
    if (found === null) return [];
    const [, options = '', uri = '', suite = '', components = ''] = found;
    const trust: Record<string, string> = {};
    for (const option of options.trim().split(/\s+/)) {
      const at = option.indexOf('=');
      const name = TRUST_FIELDS.find((field) => field.toLowerCase() === option.slice(0, at).toLowerCase());
      if (name !== undefined) trust[name] = option.slice(at + 1).replaceAll(',', ' ');
    }
    return [{ uris: [uri], suites: [suite], components: components.trim().split(/\s+/).filter(Boolean), trust }];
  });
}

/** A source that may well be Debian itself: where it is, its own suite, and the trust in it. */
export interface DebianArchive {
  readonly uri: string;
  readonly suite: string;
  readonly trust: Readonly<Record<string, string>>;
}

/**
 * Picks the sources that look like Debian's own archive, the likeliest first: they have a component `main` and a suite
 * that is the machine's release or one of the archive's own names. Others have those too, hence the order: first
 * those whose address ends in `/debian`.
 * @param codename the machine's release, e.g. `bookworm`; undefined where it does not say
 */
export function debianArchives(sources: readonly DebianSource[], codename: string | undefined): DebianArchive[] {
  const archives: DebianArchive[] = [];
  for (const source of sources) {
    const suite = source.suites.find((name) => name === codename || ARCHIVE_NAMES.has(name));
    if (suite === undefined || !source.components.includes('main')) continue;
    for (const uri of source.uris) {
      const known = archives.some((archive) => archive.uri === uri);
      if (!known && !uri.startsWith('cdrom:')) archives.push({ uri, suite, trust: source.trust });
    }
  }
  const rank = (archive: DebianArchive): number => (/\/debian\/?$/.test(archive.uri) ? 0 : 1);
  return archives.sort((a, b) => rank(a) - rank(b));
}

/** The machine's Debian release, out of the text of os-release; undefined for testing, which has none. */
export function codenameIn(osRelease: string): string | undefined {
  const value = (name: string): string | undefined =>
    new RegExp(`^${name}="?([a-z]+)"?\\s*$`, 'm').exec(osRelease)?.[1] || undefined;
  // A derivative says its own name first and Debian's beside it.
  return value('DEBIAN_CODENAME') ?? value('VERSION_CODENAME');
}

function splitStanzas(lines: readonly string[]): string[][] {
  const stanzas: string[][] = [[]];
  for (const line of lines) {
    if (line.trim() === '') stanzas.push([]);
    else stanzas.at(-1)?.push(line);
  }
  return stanzas.filter((stanza) => stanza.length > 0);
}
