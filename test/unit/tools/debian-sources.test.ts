import { describe, expect, test } from 'vitest';
import { codenameIn, debianArchives, parseDeb822, parseOneLine } from '#tools/debian/sources.ts';

describe('a deb822 file of sources', () => {
  test('is read stanza by stanza, without comments and with what is trusted', () => {
    const text = [
      'Types: deb deb-src',
      '# a comment between the fields',
      'URIs: http://mirror.example/debian',
      'Suites: bookworm bookworm-updates',
      'Components: main contrib',
      'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
      'X-Anything: else',
      '',
      '',
      'types: deb',
      'uris: http://mirror.example/debian-security',
      'suites: bookworm-security',
      'components: main',
    ].join('\n');
    expect(parseDeb822(text)).toEqual([
      {
        uris: ['http://mirror.example/debian'],
        suites: ['bookworm', 'bookworm-updates'],
        components: ['main', 'contrib'],
        trust: { 'Signed-By': '/usr/share/keyrings/debian-archive-keyring.gpg' },
      },
      {
        uris: ['http://mirror.example/debian-security'],
        suites: ['bookworm-security'],
        components: ['main'],
        trust: {},
      },
    ]);
  });

  test('keeps a key that is written out in it, line by line', () => {
    const key = '\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEY865UxYJKwYB\n -----END PGP PUBLIC KEY BLOCK-----';
    const text = `Types: deb\nURIs: http://a.example/debian\nSuites: trixie\nComponents: main\nSigned-By:${key}\n`;
    expect(parseDeb822(text)[0]?.trust).toEqual({ 'Signed-By': key });
  });

  test.each([
    ['sources only', 'Types: deb-src'],
    ['one that is switched off', 'Types: deb\nEnabled: no'],
  ])('leaves out %s', (_, fields) => {
    expect(parseDeb822(`${fields}\nURIs: http://a.example/debian\nSuites: trixie\nComponents: main\n`)).toEqual([]);
  });

  test('with line ends of Windows is read all the same', () => {
    const text = 'Types: deb\r\nURIs: http://a.example/debian\r\nSuites: sid\r\nComponents: main\r\n';
    expect(parseDeb822(text)).toEqual([
      { uris: ['http://a.example/debian'], suites: ['sid'], components: ['main'], trust: {} },
    ]);
  });
});

describe('a one-line list of sources', () => {
  test('is read line by line, without comments and sources', () => {
    const text = [
      '# deb http://commented.example/debian bookworm main',
      'deb http://mirror.example/debian bookworm main contrib # and why',
      'deb-src http://mirror.example/debian bookworm main',
      'deb [arch=amd64,arm64 signed-by=/usr/share/keyrings/a.gpg,/usr/share/keyrings/b.gpg] https://b.example/x stable main',
      '',
    ].join('\n');
    expect(parseOneLine(text)).toEqual([
      { uris: ['http://mirror.example/debian'], suites: ['bookworm'], components: ['main', 'contrib'], trust: {} },
      {
        uris: ['https://b.example/x'],
        suites: ['stable'],
        components: ['main'],
        trust: { 'Signed-By': '/usr/share/keyrings/a.gpg /usr/share/keyrings/b.gpg' },
      },
    ]);
  });
});

describe("Debian's own archive among the sources", () => {
  const source = (uri: string, suites: string[], components = ['main']) => ({
    uris: [uri],
    suites,
    components,
    trust: {},
  });

  test('is told from the updates, the security archive, strangers and discs', () => {
    const sources = [
      source('cdrom:[Debian 12]/', ['bookworm']),
      source('https://browser.example/deb', ['stable']),
      source('https://database.example/apt', ['bookworm-pgdg']),
      source('https://runtime.example/node', ['nodistro']),
      source('http://mirror.example/debian-security', ['bookworm-security']),
      source('http://mirror.example/debian/', ['bookworm-updates', 'bookworm']),
      source('http://mirror.example/debian/', ['bookworm']),
      source('http://containers.example/debian', ['bookworm'], ['stable']),
    ];
    expect(debianArchives(sources, 'bookworm').map(({ uri, suite }) => [uri, suite])).toEqual([
      ['http://mirror.example/debian/', 'bookworm'],
      ['https://browser.example/deb', 'stable'],
    ]);
  });

  test('is known by its own names where the machine does not say its release', () => {
    const sources = [source('http://mirror.example/debian', ['sid'])];
    expect(debianArchives(sources, undefined)).toEqual([
      { uri: 'http://mirror.example/debian', suite: 'sid', trust: {} },
    ]);
  });

  test.each([
    ['VERSION_CODENAME=bookworm\nID=debian\n', 'bookworm'],
    ['VERSION_CODENAME="faye"\nDEBIAN_CODENAME=bookworm\n', 'bookworm'],
    ['ID=debian\n', undefined],
  ])('release in %j', (text, codename) => {
    expect(codenameIn(text)).toBe(codename);
  });
});
