import { defineConfig } from "vite";
import { version } from "./package.json";

// All that the app needs lies in the precache: no piece is fetched later, from a release that may be gone by then.
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
