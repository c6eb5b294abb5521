// Says which proxies the environment names, for the line of a download that failed. A login in one is not shown.

const PROXIES = ['HTTPS_PROXY', 'HTTP_PROXY', 'npm_config_https_proxy', 'npm_config_proxy'];
const EXCEPTIONS = ['NO_PROXY', 'npm_config_noproxy'];

/** `proxies: HTTPS_PROXY=http://proxy:3128 (with a login)`, or that no proxy is set. */
export function proxiesSeen(env = process.env) {
  const seen = bothCases(PROXIES)
    .filter((name) => env[name])
    .map((name) => `${name}=${withoutLogin(env[name])}`);
  if (seen.length === 0) return 'no proxy is set (HTTPS_PROXY)';
  const exceptions = bothCases(EXCEPTIONS)
    .filter((name) => env[name])
    .map((name) => `${name}=${env[name]}`);
  return `proxies: ${[...seen, ...exceptions].join(', ')}`;
}

const bothCases = (names) =>
  names.flatMap((name) => [name, name.toLowerCase()].filter((each, at, all) => all.indexOf(each) === at));

/** The address alone: what stands before an @ may be a password, and so may all of what is no address. */
function withoutLogin(value) {
  try {
    const { protocol, host, username, password } = new URL(value.includes('://') ? value : `http://${value}`);
    return `${protocol}//${host}${username || password ? ' (with a login)' : ''}`;
  } catch {
    return '(not an address)';
  }
}
