# cmake -DSOURCE=DIR -DOUT=FILE -P build_id.cmake: a header with what the program and its modules must have in common, the hash
# of every header of the library.
file(GLOB_RECURSE headers ${SOURCE}/src/*.h)
list(SORT headers)
set(all "")
foreach(header IN LISTS headers)
  file(SHA256 ${header} hash)
  string(APPEND all ${hash})
endforeach()
string(SHA256 id "${all}")
file(WRITE ${OUT} "#define SK_BUILD_ID \"${id}\"\n")
