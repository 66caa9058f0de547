# Writes a C file that carries the files of the list IN: for "a-b.lua" the symbols hc_embed_a_b_lua (closed
# by NUL) and hc_embed_a_b_lua_size.
set(text "/* made by tests/tool/embed.cmake */\n#include <stddef.h>\n")
foreach(file ${IN})
  get_filename_component(name ${file} NAME)
  string(MAKE_C_IDENTIFIER ${name} symbol)
  file(READ ${file} hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR size "${digits} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND text "extern const char hc_embed_${symbol}[];\nextern const size_t hc_embed_${symbol}_size;\n"
         "const char hc_embed_${symbol}[] = {${bytes}0};\nconst size_t hc_embed_${symbol}_size = ${size};\n")
endforeach()
file(WRITE ${OUT} "${text}")
