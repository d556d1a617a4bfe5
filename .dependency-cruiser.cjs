// The import table of ARCHITECTURE.md as rules: each folder may import itself and what stands before it.
const order = [
  ['config', []],
  ['common', ['config']],
  ['database', ['config', 'common']],
  ['accounts', ['config', 'common', 'database']],
  ['auth', ['config', 'common', 'database', 'accounts']],
  ['logs', ['config', 'common', 'database', 'accounts', 'auth']],
  ['deliveries', ['config', 'common', 'database', 'accounts', 'auth', 'logs']],
  ['webhooks', ['config', 'common', 'database', 'accounts', 'auth', 'logs', 'deliveries']],
  ['events', ['config', 'common', 'database', 'accounts', 'auth', 'logs', 'deliveries', 'webhooks']],
  ['dispatcher', ['config', 'common', 'database', 'accounts', 'auth', 'logs', 'deliveries', 'webhooks', 'events']],
  ['keys', ['config', 'common', 'database', 'accounts', 'auth', 'logs', 'events']],
  [
    'admin',
    [
      'config',
      'common',
      'database',
      'accounts',
      'auth',
      'logs',
      'deliveries',
      'webhooks',
      'events',
      'dispatcher',
      'keys',
    ],
  ],
];

module.exports = {
  forbidden: [
    { name: 'no-circle', severity: 'error', from: {}, to: { circular: true } },
    ...order.map(([folder, allowed]) => ({
      name: `${folder}-imports`,
      severity: 'error',
      from: { path: `^src/${folder}/` },
      to: { path: '^src/[^/]+/', pathNot: `^src/(${[folder, ...allowed].join('|')})/` },
    })),
    {
      name: 'src-stands-alone',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|scripts|bench|examples)/' },
    },
    {
      name: 'of-specs-alone',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.spec(-support)?\\.ts$' },
      to: { path: '\\.spec(-support)?\\.ts$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
