/** The script: who asks for what, in order. Requests of one step overlap, and go on together. */

export interface Ask {
  readonly who: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  /** The value of a session cookie that is sent instead of the jar's; `valid` stands for the one in the jar. */
  readonly cookie?: (valid: string) => string;
}

export interface Step {
  readonly asks: readonly Ask[];
  /** What happens while they are held, before they go on. */
  readonly meanwhile?: Ask;
}

const ask = (who: string, line: string, more: Partial<Ask> = {}): Ask => {
  const [method = '', path = ''] = line.split(' ');
  return { who, method, path, ...more };
};

/** Each of the lines, and after each what the session holds then. */
const lines = (who: string, text: string): Step[] =>
  text
    .trim()
    .split('\n')
    .flatMap((line) => [ask(who, line.trim()), ask(who, 'GET /')])
    .map((one) => ({ asks: [one] }));

const together = (who: string, each: readonly string[], meanwhile?: string): Step => ({
  asks: each.map((line) => ask(who, line)),
  ...(meanwhile === undefined ? {} : { meanwhile: ask(who, meanwhile) }),
});

const badCookies: readonly ((valid: string) => string)[] = [
  () => '',
  () => 'garbage',
  () => 's:garbage',
  () => 's%3Agarbage.garbage',
  () => '%',
  () => '%E0%A4%A',
  () => '__proto__',
  () => '{"a":1}',
  () => 'x'.repeat(4_000),
  () => 'A'.repeat(92),
  (valid) => `${valid}x`,
  (valid) => valid.slice(0, -1),
  (valid) => valid.slice(1),
  (valid) => valid.slice(0, 20),
  (valid) => ` ${valid} `,
  (valid) => `"${valid}"`,
];

export const traffic: readonly Step[] = [
  ...lines(
    'stranger',
    'GET /public\nHEAD /\nOPTIONS /\nGET /missing\nGET /keys\nGET /id\nGET /cookie\nPOST /touch\nPOST /logout',
  ),
  ...lines(
    'ada',
    'GET /views\nGET /views\nHEAD /views\nPOST /set/colour/red\nPOST /set/colour/red\nPOST /set/colour/blue',
  ),
  ...lines(
    'ada',
    'POST /nested/dark\nPOST /nested/dark\nPOST /nested/light\nPOST /push/tea\nPOST /push/milk\nPOST /edit-array',
  ),
  ...lines(
    'ada',
    'POST /delete/colour\nPOST /delete/nothing\nPOST /touch\nPOST /reset-max-age\nGET /json\nGET /keys\nGET /id',
  ),
  ...lines('ada', 'POST /save\nPOST /save\nPOST /save-and-forget\nPOST /reload\nGET /cookie\nGET /stored'),
  ...lines(
    'ada',
    'GET /redirect/views\nGET /no-content\nGET /stream\nGET /stream-late\nGET /length\nGET /own-cookie\nGET /write-head',
  ),
  ...lines('ada', 'GET /throws\nGET /rejects\nGET /next\nGET /missing\nOPTIONS /views\nPUT /views'),
  ...lines(
    'ada',
    'POST /login/ada\nGET /views\nPOST /login/grace\nPOST /logout\nGET /views\nPOST /logout\nPOST /destroyed',
  ),
  ...lines(
    'bob',
    'POST /set/a/1\nPOST /regenerate\nPOST /regenerate-and-set/2\nPOST /regenerate\nPOST /store-regenerate',
  ),
  ...lines('carl', 'POST /set/a/1\nPOST /null\nPOST /set/a/2\nPOST /undefined\nPOST /set/a/3'),
  ...lines(
    'dora',
    'POST /set/a/1\nPOST /max-age/60000\nGET /views\nPOST /max-age/1800000\nPOST /change-and-max-age/60000\nPOST /expires-in/120000',
  ),
  ...lines(
    'dora',
    'GET /cookie\nGET /views\nPOST /no-expiry\nGET /views\nPOST /max-age/999999999\nPOST /scripts-may-read\nPOST /expire-now',
  ),
  ...lines(
    'emil',
    'POST /login-without-regenerate/emil\nPOST /set/a/1\nPOST /login-without-regenerate/eve\nPOST /store-destroy',
  ),
  ...lines('finn', 'POST /date\nGET /date\nPOST /function\nPOST /taken-name\nPOST /large'),
  ...lines('gwen', 'GET /stream\nGET /views'),
  ...lines('hugo', 'GET /stream-late'),
  ...lines('ines', 'GET /throws\nPOST /logout'),
  ...lines('jack', 'GET /redirect/views\nGET /no-content'),
  { asks: [ask('kate', 'POST /assign', { body: { a: 1, b: { c: [1, 2, { d: null }] }, e: 'ü\u2028' } })] },
  ...lines('kate', 'GET /views'),
  ...badCookies.flatMap((cookie) => [
    { asks: [ask('kate', 'GET /', { cookie })] },
    { asks: [ask('kate', 'POST /touch', { cookie })] },
  ]),
  ...lines('kate', 'GET /views'),
  ...lines('lena', 'POST /mounted/views\nPOST /called/views\nPOST /mounted/passes\nPOST /called/passes'),
  ...lines('lena', 'POST /mounted/throws\nPOST /called/throws\nPOST /called/views'),
  ...lines('luca', 'POST /called/throws\nPOST /called/passes'),
  ...lines('liam', 'POST /set/a/1'),
  together(
    'liam',
    Array.from({ length: 10 }, (_, i) => `POST /held/set/key${i}`),
  ),
  ...lines('liam', 'GET /keys'),
  together('liam', ['GET /held/look', 'GET /held/look', 'GET /held/look']),
  ...lines('mona', 'POST /login/mona'),
  together('mona', ['GET /held/look'], 'POST /logout'),
  ...lines('mona', 'GET /views\nPOST /login/mona'),
  together('mona', ['POST /held/set/late'], 'POST /logout'),
  ...lines('mona', 'GET /'),
  ...lines('nora', 'POST /login/nora'),
  together('nora', ['POST /held/set/late'], 'POST /login/nick'),
  ...lines('nora', 'GET /'),
];
