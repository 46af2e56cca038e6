/** `/assets/preact.js` is Preact's own module, served from node_modules. */
export * from 'preact'
