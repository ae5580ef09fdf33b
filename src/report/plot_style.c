/* The plots' look. */
#include "report/plot.h"

/* Okabe and Ito 2008, their black left to the text, the yellow darkened so that it stands on white. */
const char ss_plot_light[] =
    "--ink:#1b2129;--soft:#5b6673;--faint:#e4e8ec;--ground:#fff;--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b4568f;"
    "--c4:#56b4e9;--c5:#e69f00;--c6:#7a5cc4;--c7:#8a7a10;--grey:#8c97a3;";
const char ss_plot_dark[] =
    "--ink:#e8ebee;--soft:#9aa5b1;--faint:#2c333b;--ground:#14181d;--c0:#4aa8e8;--c1:#f2894a;--c2:#35c49a;--c3:#e08cc0;"
    "--c4:#9ad4f5;--c5:#f2b93b;--c6:#a991ec;--c7:#d8c84e;--grey:#77828e;";

const char ss_plot_style[] =
    ".s0{color:var(--c0)}.s1{color:var(--c1)}.s2{color:var(--c2)}.s3{color:var(--c3)}"
    ".s4{color:var(--c4)}.s5{color:var(--c5)}.s6{color:var(--c6)}.s7{color:var(--c7)}.grey{color:var(--grey)}\n"
    ".plot{display:block;width:100%;height:auto}\n"
    ".plot text{font:12px system-ui,-apple-system,\"Segoe UI\",Roboto,sans-serif;fill:var(--soft);"
    "font-variant-numeric:tabular-nums}\n"
    ".plot text.dark{fill:var(--ink)}.plot text.own{fill:currentColor}.plot .grid{stroke:var(--faint)}\n"
    ".plot .line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}\n"
    ".plot .level{stroke:currentColor;stroke-width:1.5;stroke-dasharray:5 4}\n"
    ".plot .dot{fill:currentColor;stroke:var(--ground);stroke-width:1.5}.plot .bar{fill:currentColor}\n";
