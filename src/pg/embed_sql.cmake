# cmake -D SQL=dir -D OUT=file.c -P embed_sql.cmake: writes the files of sql/migrations and
# sql/functions as the array of pg/migrate.h.
file(GLOB files RELATIVE ${SQL} ${SQL}/functions/*.sql ${SQL}/migrations/*.sql)
list(SORT files)
set(arrays "")
set(rows "")
set(n 0)
foreach(file ${files})
    file(READ ${SQL}/${file} hex HEX)
    string(LENGTH "${hex}" digits)
    math(EXPR len "${digits} / 2")
    string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
    string(APPEND arrays "static const unsigned char file_${n}[] = {${hex}0};\n")
    string(APPEND rows "    {\"${file}\", (const char *)file_${n}, ${len}},\n")
    math(EXPR n "${n} + 1")
endforeach()
file(WRITE ${OUT} "#include \"supportd/pg/migrate.h\"\n\n${arrays}\n"
    "const struct sup_pg_sql_file sup_pg_sql_files[] = {\n${rows}    {NULL, NULL, 0},\n};\n"
    "const size_t sup_pg_sql_file_count = ${n};\n")
