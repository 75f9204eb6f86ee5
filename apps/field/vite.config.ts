import { defineConfig } from "vite";
import { version } from "./package.json" with { type: "json" };

// The precache holds everything the app needs: nothing is fetched later from a release that may no longer exist.
export default defineConfig({
  base: "/field/",
  define: { __VERSION__: JSON.stringify(version) },
  build: {
    outDir: process.env["FIELD_APP_OUT"] ?? "../../services/intake/src/intake/pages/field",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
});
