// How does the full explorer become files? One page with hashed names beside it, and nothing from anywhere else.

import { createHash } from 'node:crypto';

/**
 * GraphiQL's style sheets carry their fonts inside. As files they are fetched once, only where a letter needs them, and
 * the page's policy can say `font-src 'self'` (by default-src) instead of allowing data.
 */
function fontsAsFiles() {
  const kept = new Map();
  return {
    name: 'fonts-as-files',
    enforce: 'post',
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type !== 'asset' || !file.fileName.endsWith('.css')) continue;
        file.source = String(file.source).replace(/url\(["']?data:font\/(\w+);base64,([^"')]+)["']?\)/g, (_all, kind, data) => {
          const bytes = Buffer.from(data, 'base64');
          const name = `font-${createHash('sha256').update(bytes).digest('base64url').slice(0, 8)}.${kind}`;
          kept.set(name, bytes);
          return `url(./${name})`;
        });
      }
      for (const [name, source] of kept) this.emitFile({ type: 'asset', fileName: `assets/${name}`, source });
    },
  };
}

export default {
  // The server decides where the files lie; they find each other by relative addresses.
  base: './',
  plugins: [fontsAsFiles()],
  build: {
    outDir: '../built',
    emptyOutDir: true,
    target: 'es2023',
    // Those that know light-dark(), so that it stays what it is.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The editor alone is three megabytes; it comes from the same machine.
    chunkSizeWarningLimit: 8000,
    reportCompressedSize: false,
    // 'use client' means something to servers that draw pages; here is none.
    rolldownOptions: { checks: { moduleLevelDirective: false }, onwarn: (warning, warn) => warning.code === 'MODULE_LEVEL_DIRECTIVE' || warn(warning) },
    // What is shipped inside the wheel keeps its licences beside it.
    license: { fileName: 'licenses.md' },
  },
};
